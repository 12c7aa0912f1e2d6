//! Learning: the three methods (all weights; low-rank adapters; adapters over a 4-bit base), the
//! gradients, and the Adam optimiser.
//!
//! All that changes while learning is in [`Learned`], which is what a checkpoint holds; the rest
//! follows from the base weights, the method and the seed.

use super::adapters::{self, ADAPTERS, Adapters, AdaptersMut, RANK};
use super::corpus::{Kind, Random, Source, VOCABULARY, clean};
use super::model::{
    CONTEXT, EMBED, HIDDEN, INPUT, Pass, View, ViewMut, WEIGHTS, add_product, add_scaled, dot, random_weights,
    round_to_4_bits, split_window,
};
use std::time::Instant;

/// Real tokens a training step sums its gradient over.
pub const BATCH: usize = 64;

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;
/// Pre-training starts from nothing and is short: it takes larger steps than tuning.
const PRE_TRAIN_RATE: f32 = 0.004;
const WARM_UP_STEPS: f32 = 20.0;

/// How the base model is tuned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// All weights.
    Full,
    /// Low-rank adapters beside frozen matrices.
    Lora,
    /// Low-rank adapters beside frozen matrices rounded to 4 bits.
    Qlora,
}

impl Method {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Method::Full),
            "lora" => Some(Method::Lora),
            "qlora" => Some(Method::Qlora),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Method::Full => "full",
            Method::Lora => "lora",
            Method::Qlora => "qlora",
        }
    }

    /// How many numbers the method trains.
    pub fn trained_numbers(self) -> usize {
        match self {
            Method::Full => WEIGHTS,
            Method::Lora | Method::Qlora => ADAPTERS,
        }
    }

    /// Learning rate at its highest: about the largest change of a number in one step.
    fn rate(self) -> f32 {
        match self {
            Method::Full => 0.0006,
            Method::Lora | Method::Qlora => 0.0025,
        }
    }
}

/// All that learning changes.
#[derive(Clone, PartialEq)]
pub struct Learned {
    /// The numbers being trained: all weights, or the adapters.
    pub numbers: Vec<f32>,
    /// Adam's running means of the gradient and of its square.
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    /// `FIRST_DECAY` and `SECOND_DECAY` to the power of the steps made.
    pub first_power: f32,
    pub second_power: f32,
    pub steps: u64,
    /// Real tokens trained so far.
    pub tokens: u64,
    /// Running mean of the training loss.
    pub loss: f64,
}

/// A model being trained.
pub struct Learner {
    method: Method,
    rate: f32,
    /// The base weights, as far as the method keeps them (rounded for `Qlora`; none for `Full`).
    frozen: Vec<f32>,
    gradient: Vec<f32>,
    pass: Pass,
    pub learned: Learned,
}

impl Learner {
    pub fn new(method: Method, base: Vec<f32>, seed: u64) -> Self {
        let (frozen, numbers) = match method {
            Method::Full => (Vec::new(), base),
            Method::Lora => (base, adapters::first(&mut Random::new(seed, 10))),
            Method::Qlora => {
                let mut base = base;
                round_to_4_bits(&mut base);
                (base, adapters::first(&mut Random::new(seed, 10)))
            }
        };
        let count = numbers.len();
        Learner {
            method,
            rate: method.rate(),
            frozen,
            gradient: vec![0.0; count],
            pass: Pass::new(),
            learned: Learned {
                numbers,
                first: vec![0.0; count],
                second: vec![0.0; count],
                first_power: 1.0,
                second_power: 1.0,
                steps: 0,
                tokens: 0,
                loss: (VOCABULARY as f64).ln(),
            },
        }
    }

    /// One step: the next tokens of the order that `seed` gives to `stream`, up to `total`.
    pub fn step(&mut self, stream: &[u8], order: &Order, total: u64) {
        let count = (total - self.learned.tokens).min(BATCH as u64);
        self.gradient.fill(0.0);
        let mut loss = 0.0f32;
        for sample in self.learned.tokens..self.learned.tokens + count {
            let at = order.position(sample);
            let (context, target) = split_window(&stream[at..=at + CONTEXT]);
            loss += match self.method {
                Method::Full => self.full_sample(context, target),
                Method::Lora | Method::Qlora => self.adapter_sample(context, target),
            };
        }
        let share = self.learned.tokens as f32 / total as f32;
        let warm = ((self.learned.steps + 1) as f32 / WARM_UP_STEPS).min(1.0);
        self.adam(self.rate * warm * (1.0 - 0.95 * share), 1.0 / count as f32);
        let learned = &mut self.learned;
        learned.tokens += count;
        learned.steps += 1;
        learned.loss += (f64::from(loss) / count as f64 - learned.loss) * 0.01;
    }

    /// Adds one sample's gradient of all weights; gives its loss.
    fn full_sample(&mut self, context: [u8; CONTEXT], target: u8) -> f32 {
        let pass = &mut self.pass;
        let view = View::new(&self.learned.numbers);
        let gradient = ViewMut::new(&mut self.gradient);
        pass.forward(&view, context);
        let loss = pass.loss_and_gradient(target);

        add_scaled(gradient.output_bias, 1.0, &pass.output);
        let mut hidden = [0.0; HIDDEN];
        for i in pass.active() {
            hidden[i] = dot(&view.output[i], &pass.output);
            add_scaled(&mut gradient.output[i], pass.hidden[i], &pass.output);
        }
        add_scaled(gradient.hidden_bias, 1.0, &hidden);
        for i in 0..INPUT {
            add_scaled(&mut gradient.hidden[i], pass.input[i], &hidden);
            let token = context[i / EMBED] as usize;
            gradient.embedding[token][i % EMBED] += dot(&view.hidden[i], &hidden);
        }
        loss
    }

    /// Adds one sample's gradient of the adapters; gives its loss.
    fn adapter_sample(&mut self, context: [u8; CONTEXT], target: u8) -> f32 {
        let pass = &mut self.pass;
        let view = View::new(&self.frozen);
        let adapters = Adapters::new(&self.learned.numbers);
        let gradient = AdaptersMut::new(&mut self.gradient);

        pass.look_up(view.embedding, context);
        for (place, token) in pass.input.as_chunks_mut().0.iter_mut().zip(context) {
            add_product(place, &adapters.embedding_a[token as usize], adapters.embedding_b);
        }
        pass.hidden_from(&view);
        let mut hidden_rank = [0.0; RANK];
        add_product(&mut hidden_rank, &pass.input, adapters.hidden_a);
        add_product(&mut pass.hidden, &hidden_rank, adapters.hidden_b);
        pass.rectify();
        pass.output_from(&view);
        let mut output_rank = [0.0; RANK];
        for i in pass.active() {
            add_scaled(&mut output_rank, pass.hidden[i], &adapters.output_a[i]);
        }
        add_product(&mut pass.output, &output_rank, adapters.output_b);
        let loss = pass.loss_and_gradient(target);

        let mut back = [0.0; RANK];
        for r in 0..RANK {
            back[r] = dot(&adapters.output_b[r], &pass.output);
            add_scaled(&mut gradient.output_b[r], output_rank[r], &pass.output);
        }
        let mut hidden = [0.0; HIDDEN];
        for i in pass.active() {
            add_scaled(&mut gradient.output_a[i], pass.hidden[i], &back);
            hidden[i] = dot(&view.output[i], &pass.output) + dot(&adapters.output_a[i], &back);
        }
        for r in 0..RANK {
            back[r] = dot(&adapters.hidden_b[r], &hidden);
            add_scaled(&mut gradient.hidden_b[r], hidden_rank[r], &hidden);
        }
        let mut input = [0.0; INPUT];
        for (i, value) in input.iter_mut().enumerate() {
            add_scaled(&mut gradient.hidden_a[i], pass.input[i], &back);
            *value = dot(&view.hidden[i], &hidden) + dot(&adapters.hidden_a[i], &back);
        }
        for (place, token) in input.as_chunks().0.iter().zip(context) {
            let token = token as usize;
            for r in 0..RANK {
                gradient.embedding_a[token][r] += dot(&adapters.embedding_b[r], place);
                add_scaled(&mut gradient.embedding_b[r], adapters.embedding_a[token][r], place);
            }
        }
        loss
    }

    fn adam(&mut self, rate: f32, gradient_scale: f32) {
        let learned = &mut self.learned;
        learned.first_power *= FIRST_DECAY;
        learned.second_power *= SECOND_DECAY;
        let rate = rate / (1.0 - learned.first_power);
        let second_scale = 1.0 / (1.0 - learned.second_power);
        let moments = learned.first.iter_mut().zip(&mut learned.second);
        for ((number, (first, second)), gradient) in learned.numbers.iter_mut().zip(moments).zip(&self.gradient) {
            let g = gradient * gradient_scale;
            *first += (1.0 - FIRST_DECAY) * (g - *first);
            *second += (1.0 - SECOND_DECAY) * (g * g - *second);
            *number -= rate * *first / ((*second * second_scale).sqrt() + 1e-8);
        }
    }

    /// The weights as trained; adapters are merged into the matrices they belong to.
    pub fn weights(&self) -> Vec<f32> {
        if self.method == Method::Full {
            return self.learned.numbers.clone();
        }
        let mut weights = self.frozen.clone();
        adapters::merge(&mut weights, &self.learned.numbers);
        weights
    }
}

/// The order in which a stream's tokens are trained on: all of them once, then again, in steps of
/// a large stride, so that no state beyond the count of tokens is needed to go on.
pub struct Order {
    start: u64,
    stride: u64,
    samples: u64,
}

impl Order {
    /// `None` when the stream is too short to train on.
    pub fn new(stream: &[u8], seed: u64) -> Option<Self> {
        let samples = stream.len().checked_sub(CONTEXT).filter(|n| *n > 0)? as u64;
        let mut random = Random::new(seed, 11);
        let mut stride = samples / 3 + random.below(samples / 3 + 1) + 1;
        while gcd(stride, samples) != 1 {
            stride += 1;
        }
        Some(Order { start: random.below(samples), stride, samples })
    }

    fn position(&self, sample: u64) -> usize {
        // Both factors are below 2^32 for any corpus that fits this program.
        ((self.start + (sample % self.samples) * self.stride) % self.samples) as usize
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Trains a fresh model on `stream`; this is how the base model comes to be.
pub fn pre_train(stream: &[u8], tokens: u64, seed: u64) -> Option<Vec<f32>> {
    let order = Order::new(stream, seed)?;
    let weights = random_weights(&mut Random::new(seed, 12));
    let mut learner = Learner::new(Method::Full, weights, seed);
    learner.rate = PRE_TRAIN_RATE;
    while learner.learned.tokens < tokens {
        learner.step(stream, &order, tokens);
    }
    Some(learner.weights())
}

/// Real tokens per second, measured by training a throw-away model for about `seconds`.
pub fn measure_speed(method: Method, seconds: f64) -> f64 {
    let text = Source::new(1, Kind::Target).raw_text(20_000, &mut Random::new(1, 3));
    let stream = clean(&text, u64::MAX).train;
    let Some(order) = Order::new(&stream, 1) else {
        return 0.0;
    };
    let mut learner = Learner::new(method, random_weights(&mut Random::new(1, 12)), 1);
    let start = Instant::now();
    loop {
        learner.step(&stream, &order, u64::MAX);
        let spent = start.elapsed().as_secs_f64();
        if spent >= seconds {
            return learner.learned.tokens as f64 / spent;
        }
    }
}
