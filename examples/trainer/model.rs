//! The network: embeddings of the previous tokens -> hidden layer (ReLU) -> softmax, in f32.
//!
//! Everything runs on one thread in a fixed order of operations, with an `exp` of its own, so
//! that the same inputs give the same bits, run after run. Matrices are stored input-major: one
//! input's weights to all outputs lie side by side, which lets the compiler use vector
//! instructions without reordering a single sum.

use super::corpus::{Random, VOCABULARY};

/// How many previous tokens the network sees.
pub const CONTEXT: usize = 2;
pub const EMBED: usize = 16;
pub const INPUT: usize = CONTEXT * EMBED;
pub const HIDDEN: usize = 128;

/// Number of weights of the network.
pub const WEIGHTS: usize = VOCABULARY * EMBED + INPUT * HIDDEN + HIDDEN + HIDDEN * VOCABULARY + VOCABULARY;

/// A flat vector of all weights (or of their gradients), seen as its matrices.
pub struct View<'a> {
    pub embedding: &'a [[f32; EMBED]],
    pub hidden: &'a [[f32; HIDDEN]],
    pub hidden_bias: &'a [f32; HIDDEN],
    pub output: &'a [[f32; VOCABULARY]],
    pub output_bias: &'a [f32; VOCABULARY],
}

/// The same as [`View`], to write to.
pub struct ViewMut<'a> {
    pub embedding: &'a mut [[f32; EMBED]],
    pub hidden: &'a mut [[f32; HIDDEN]],
    pub hidden_bias: &'a mut [f32; HIDDEN],
    pub output: &'a mut [[f32; VOCABULARY]],
    pub output_bias: &'a mut [f32; VOCABULARY],
}

/// Takes the next `N`-wide rows off the front of a flat vector.
pub fn take_rows<'a, const N: usize>(flat: &mut &'a [f32], rows: usize) -> &'a [[f32; N]] {
    let (head, tail) = flat.split_at(rows * N);
    *flat = tail;
    head.as_chunks().0
}

/// Takes the next `N`-wide rows off the front of a flat vector, to write to.
pub fn take_rows_mut<'a, const N: usize>(flat: &mut &'a mut [f32], rows: usize) -> &'a mut [[f32; N]] {
    let (head, tail) = std::mem::take(flat).split_at_mut(rows * N);
    *flat = tail;
    head.as_chunks_mut().0
}

impl<'a> View<'a> {
    /// `flat` must hold `WEIGHTS` numbers.
    pub fn new(mut flat: &'a [f32]) -> Self {
        View {
            embedding: take_rows(&mut flat, VOCABULARY),
            hidden: take_rows(&mut flat, INPUT),
            hidden_bias: &take_rows(&mut flat, 1)[0],
            output: take_rows(&mut flat, HIDDEN),
            output_bias: &take_rows(&mut flat, 1)[0],
        }
    }
}

impl<'a> ViewMut<'a> {
    /// `flat` must hold `WEIGHTS` numbers.
    pub fn new(mut flat: &'a mut [f32]) -> Self {
        ViewMut {
            embedding: take_rows_mut(&mut flat, VOCABULARY),
            hidden: take_rows_mut(&mut flat, INPUT),
            hidden_bias: &mut take_rows_mut(&mut flat, 1)[0],
            output: take_rows_mut(&mut flat, HIDDEN),
            output_bias: &mut take_rows_mut(&mut flat, 1)[0],
        }
    }
}

/// Weights to start pre-training from.
pub fn random_weights(random: &mut Random) -> Vec<f32> {
    let mut weights = vec![0.0; WEIGHTS];
    let view = ViewMut::new(&mut weights);
    let mut fill = |values: &mut [f32], reach: f32| {
        for value in values {
            *value = reach * random.signed_unit();
        }
    };
    fill(view.embedding.as_flattened_mut(), 1.0);
    fill(view.hidden.as_flattened_mut(), (3.0 / INPUT as f32).sqrt() * 1.4);
    fill(view.output.as_flattened_mut(), (1.0 / HIDDEN as f32).sqrt());
    weights
}

/// Rounds every matrix to 15 levels (4 bits) a row, as 4-bit quantised fine-tuning does with the
/// weights it keeps frozen. Biases are few and stay as they are.
pub fn round_to_4_bits(weights: &mut [f32]) {
    fn round_rows<const N: usize>(rows: &mut [[f32; N]]) {
        for row in rows {
            let largest = row.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            if largest > 0.0 {
                let step = largest / 7.0;
                for value in row {
                    *value = (*value / step).round() * step;
                }
            }
        }
    }
    let view = ViewMut::new(weights);
    round_rows(view.embedding);
    round_rows(view.hidden);
    round_rows(view.output);
}

/// What one pass through the network leaves behind for the pass back.
pub struct Pass {
    pub input: [f32; INPUT],
    pub hidden: [f32; HIDDEN],
    /// After `softmax`: the chances; in the pass back: their gradient.
    pub output: [f32; VOCABULARY],
    active: [u8; HIDDEN],
    active_len: usize,
}

impl Pass {
    pub fn new() -> Self {
        Pass {
            input: [0.0; INPUT],
            hidden: [0.0; HIDDEN],
            output: [0.0; VOCABULARY],
            active: [0; HIDDEN],
            active_len: 0,
        }
    }

    /// Hidden units that are not cut off; the others add nothing, forward or back.
    pub fn active(&self) -> impl Iterator<Item = usize> + use<> {
        let (active, len) = (self.active, self.active_len);
        (0..len).map(move |i| active[i] as usize)
    }

    pub fn look_up(&mut self, embedding: &[[f32; EMBED]], context: [u8; CONTEXT]) {
        for (place, token) in self.input.as_chunks_mut::<EMBED>().0.iter_mut().zip(context) {
            *place = embedding[token as usize];
        }
    }

    /// Cuts negative hidden values off and notes which are left.
    pub fn rectify(&mut self) {
        self.active_len = 0;
        for (i, value) in self.hidden.iter_mut().enumerate() {
            if *value > 0.0 {
                self.active[self.active_len] = i as u8;
                self.active_len += 1;
            } else {
                *value = 0.0;
            }
        }
    }

    pub fn hidden_from(&mut self, view: &View<'_>) {
        self.hidden = *view.hidden_bias;
        add_product(&mut self.hidden, &self.input, view.hidden);
    }

    pub fn output_from(&mut self, view: &View<'_>) {
        self.output = *view.output_bias;
        let mut fours = self.active[..self.active_len].chunks_exact(4);
        for four in &mut fours {
            let [a, b, c, d] = [four[0], four[1], four[2], four[3]].map(usize::from);
            let h = [a, b, c, d].map(|i| self.hidden[i]);
            let (ra, rb) = (&view.output[a], &view.output[b]);
            let (rc, rd) = (&view.output[c], &view.output[d]);
            for i in 0..VOCABULARY {
                self.output[i] += (h[0] * ra[i] + h[1] * rb[i]) + (h[2] * rc[i] + h[3] * rd[i]);
            }
        }
        for &i in fours.remainder() {
            let i = i as usize;
            add_scaled(&mut self.output, self.hidden[i], &view.output[i]);
        }
    }

    pub fn forward(&mut self, view: &View<'_>, context: [u8; CONTEXT]) {
        self.look_up(view.embedding, context);
        self.hidden_from(view);
        self.rectify();
        self.output_from(view);
    }

    /// Turns outputs into chances, then into the gradient of the loss; gives the loss.
    pub fn loss_and_gradient(&mut self, target: u8) -> f32 {
        let loss = self.softmax(target);
        self.output[target as usize] -= 1.0;
        loss
    }

    /// Turns outputs into chances; gives the loss (-ln of the target's chance).
    pub fn softmax(&mut self, target: u8) -> f32 {
        let largest = self.output.iter().fold(f32::MIN, |m, v| m.max(*v));
        for value in &mut self.output {
            *value = exp(*value - largest);
        }
        let scale = 1.0 / sum(&self.output);
        for value in &mut self.output {
            *value *= scale;
        }
        -self.output[target as usize].max(f32::MIN_POSITIVE).ln()
    }

    pub fn likeliest(&self) -> u8 {
        let mut best = 0;
        for (token, value) in self.output.iter().enumerate() {
            if *value > self.output[best] {
                best = token;
            }
        }
        best as u8
    }
}

/// Accuracy and mean loss of predicting each token of `stream` from those before it.
pub fn evaluate(weights: &[f32], stream: &[u8]) -> (f64, f64) {
    let view = View::new(weights);
    let mut pass = Pass::new();
    let (mut right, mut loss) = (0u64, 0.0f64);
    for window in stream.windows(CONTEXT + 1) {
        let (context, target) = split_window(window);
        pass.forward(&view, context);
        right += u64::from(pass.likeliest() == target);
        loss += f64::from(pass.softmax(target));
    }
    let count = stream.len().saturating_sub(CONTEXT).max(1) as f64;
    (right as f64 / count, loss / count)
}

/// A window of `CONTEXT + 1` tokens as (context, token to predict).
pub fn split_window(window: &[u8]) -> ([u8; CONTEXT], u8) {
    let mut context = [0; CONTEXT];
    context.copy_from_slice(&window[..CONTEXT]);
    (context, window[CONTEXT])
}

/// `to += by * row`
#[inline]
pub fn add_scaled<const N: usize>(to: &mut [f32; N], by: f32, row: &[f32; N]) {
    for i in 0..N {
        to[i] += by * row[i];
    }
}

/// `to += input * matrix`, four inputs at a time to spare loads and stores of `to`.
#[inline]
pub fn add_product<const N: usize>(to: &mut [f32; N], input: &[f32], matrix: &[[f32; N]]) {
    let (fours, _) = matrix.as_chunks::<4>();
    let (inputs, _) = input.as_chunks::<4>();
    for (x, [a, b, c, d]) in inputs.iter().zip(fours) {
        for i in 0..N {
            to[i] += (x[0] * a[i] + x[1] * b[i]) + (x[2] * c[i] + x[3] * d[i]);
        }
    }
}

/// Inner product, in eight sums side by side that are joined in a fixed order.
#[inline]
pub fn dot<const N: usize>(a: &[f32; N], b: &[f32; N]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

fn sum<const N: usize>(values: &[f32; N]) -> f32 {
    dot(values, &[1.0; N])
}

/// e^x for x <= 0, to about 1e-7: our own, so that it does not depend on the platform's maths
/// library and can run on several values at once.
#[inline]
fn exp(x: f32) -> f32 {
    /// Adding and taking away 1.5 * 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    // ln 2 in two parts, so that the remainder keeps its low bits.
    let r = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    // The low bits of `shifted` are the whole number; move it to the exponent.
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}
