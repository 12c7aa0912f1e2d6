//! Low-rank adapters: beside each frozen matrix W of the network a trainable change A·B, where A
//! has few columns and B as few rows, so that there is less to train and to keep.

use super::corpus::{Random, VOCABULARY};
use super::model::{EMBED, HIDDEN, INPUT, ViewMut, add_product, take_rows, take_rows_mut};

/// Rank of the adapters: each matrix W gets a change A·B, with A `RANK` wide and B `RANK` high.
pub const RANK: usize = 8;
/// How many numbers all adapters hold.
pub const ADAPTERS: usize = RANK * (VOCABULARY + EMBED) + RANK * (INPUT + HIDDEN) + RANK * (HIDDEN + VOCABULARY);

/// A flat vector of all adapters (or of their gradients), seen as its matrices.
pub struct Adapters<'a> {
    pub embedding_a: &'a [[f32; RANK]],
    pub embedding_b: &'a [[f32; EMBED]],
    pub hidden_a: &'a [[f32; RANK]],
    pub hidden_b: &'a [[f32; HIDDEN]],
    pub output_a: &'a [[f32; RANK]],
    pub output_b: &'a [[f32; VOCABULARY]],
}

impl<'a> Adapters<'a> {
    /// `flat` must hold `ADAPTERS` numbers.
    pub fn new(mut flat: &'a [f32]) -> Self {
        Adapters {
            embedding_a: take_rows(&mut flat, VOCABULARY),
            embedding_b: take_rows(&mut flat, RANK),
            hidden_a: take_rows(&mut flat, INPUT),
            hidden_b: take_rows(&mut flat, RANK),
            output_a: take_rows(&mut flat, HIDDEN),
            output_b: take_rows(&mut flat, RANK),
        }
    }
}

/// The same as [`Adapters`], to write to.
pub struct AdaptersMut<'a> {
    pub embedding_a: &'a mut [[f32; RANK]],
    pub embedding_b: &'a mut [[f32; EMBED]],
    pub hidden_a: &'a mut [[f32; RANK]],
    pub hidden_b: &'a mut [[f32; HIDDEN]],
    pub output_a: &'a mut [[f32; RANK]],
    pub output_b: &'a mut [[f32; VOCABULARY]],
}

impl<'a> AdaptersMut<'a> {
    /// `flat` must hold `ADAPTERS` numbers.
    pub fn new(mut flat: &'a mut [f32]) -> Self {
        AdaptersMut {
            embedding_a: take_rows_mut(&mut flat, VOCABULARY),
            embedding_b: take_rows_mut(&mut flat, RANK),
            hidden_a: take_rows_mut(&mut flat, INPUT),
            hidden_b: take_rows_mut(&mut flat, RANK),
            output_a: take_rows_mut(&mut flat, HIDDEN),
            output_b: take_rows_mut(&mut flat, RANK),
        }
    }
}

/// A starts small and random, B at zero: at first the adapters change nothing.
pub fn first(random: &mut Random) -> Vec<f32> {
    let mut flat = vec![0.0; ADAPTERS];
    let adapters = AdaptersMut::new(&mut flat);
    for rows in [adapters.embedding_a, adapters.hidden_a, adapters.output_a] {
        for value in rows.as_flattened_mut() {
            *value = 0.3 * random.signed_unit();
        }
    }
    flat
}

/// Adds every adapter's A·B to the matrix it belongs to.
pub fn merge(weights: &mut [f32], adapters: &[f32]) {
    let view = ViewMut::new(weights);
    let adapters = Adapters::new(adapters);
    for (row, a) in view.embedding.iter_mut().zip(adapters.embedding_a) {
        add_product(row, a, adapters.embedding_b);
    }
    for (row, a) in view.hidden.iter_mut().zip(adapters.hidden_a) {
        add_product(row, a, adapters.hidden_b);
    }
    for (row, a) in view.output.iter_mut().zip(adapters.output_a) {
        add_product(row, a, adapters.output_b);
    }
}
