//! The measured figures the estimator stands on, and their reader.
//!
//! Two small tables are shipped as text, with their sources in their heads: kinds of accelerators, and training runs whose
//! speed was measured. A host that has measured its own machines reads its own tables instead.

/// What is known of a kind of accelerator.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AcceleratorFigures {
    /// Model with memory, as in an offer: `h100-80gb`.
    pub model: String,
    /// Dense arithmetic rate at bf16, FLOP/s.
    pub peak_flops: f64,
    /// Network of the usual cluster machine for each accelerator, Gbit/s.
    pub inter_node_gbps: f64,
}

/// A training run whose speed was measured.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Anchor {
    /// The model trained.
    pub model: String,
    /// Its parameters, in number.
    pub parameters: f64,
    /// The kind of accelerator.
    pub gpu: String,
    /// How many of them.
    pub gpus: f64,
    /// Tokens per second on each, all weights being trained.
    pub tokens_per_second_per_gpu: f64,
    /// Who measured.
    pub source: String,
}

/// Both tables.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ThroughputTables {
    /// Kinds of accelerators.
    pub accelerators: Vec<AcceleratorFigures>,
    /// Measured runs of full training.
    pub anchors: Vec<Anchor>,
}

const ACCELERATOR_COLUMNS: &str =
    "gpu,memory_gb,hbm_gb_s,peak_bf16_tflops,intra_node_gb_s,inter_node_gbps,watts,source";
const ANCHOR_COLUMNS: &str =
    "model,method,parameters,gpu,gpus,sequence,tokens_per_second_per_gpu,mfu,minutes_to_train,source";

impl ThroughputTables {
    /// The tables shipped with the crate.
    pub fn builtin() -> Self {
        // INVARIANT: a test reads both in full, so the default is never taken.
        Self::parse(include_str!("accelerators.csv"), include_str!("throughput.csv")).unwrap_or_default()
    }

    /// Reads both tables from text: comma-separated, a head line with the columns of the tables shipped, comments after
    /// `#`. Runs of methods other than `full`, and runs without a rate, are left out: the estimator does not use them.
    ///
    /// An error names the table, the line and what was expected.
    pub fn parse(accelerators: &str, throughput: &str) -> Result<Self, String> {
        let mut tables = Self::default();
        for row in rows("accelerators", accelerators, ACCELERATOR_COLUMNS)? {
            tables.accelerators.push(AcceleratorFigures {
                model: row.text(0).into(),
                peak_flops: row.positive(3)? * 1e12,
                inter_node_gbps: row.positive(5)?,
            });
        }
        for row in rows("throughput", throughput, ANCHOR_COLUMNS)? {
            if row.text(1) != "full" || row.text(6).is_empty() {
                continue;
            }
            tables.anchors.push(Anchor {
                model: row.text(0).into(),
                parameters: row.positive(2)?,
                gpu: row.text(3).into(),
                gpus: row.positive(4)?,
                tokens_per_second_per_gpu: row.positive(6)?,
                source: row.text(9).into(),
            });
        }
        Ok(tables)
    }
}

/// One line of a table, cut into cells.
struct Row<'a> {
    table: &'static str,
    line: usize,
    columns: &'static str,
    cells: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// The text of a cell; INVARIANT: every row has as many cells as the table has columns.
    fn text(&self, column: usize) -> &'a str {
        self.cells.get(column).copied().unwrap_or_default()
    }

    fn positive(&self, column: usize) -> Result<f64, String> {
        let text = self.text(column);
        text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0).ok_or_else(|| {
            let name = self.columns.split(',').nth(column).unwrap_or_default();
            format!("{}:{}: `{name}` is `{text}`, expected a number above 0", self.table, self.line)
        })
    }
}

/// The rows of a table, without comments and head.
fn rows<'a>(table: &'static str, text: &'a str, columns: &'static str) -> Result<Vec<Row<'a>>, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    match lines.next() {
        Some((_, head)) if head == columns => {}
        Some((line, head)) => return Err(format!("{table}:{line}: the head is `{head}`, expected `{columns}`")),
        None => return Err(format!("{table}: empty, expected the head `{columns}`")),
    }
    let width = columns.split(',').count();
    lines
        .map(|(line, text)| {
            let cells: Vec<&str> = text.split(',').map(str::trim).collect();
            if cells.len() == width {
                Ok(Row { table, line, columns, cells })
            } else {
                Err(format!("{table}:{line}: {} cells, expected {width}", cells.len()))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_tables_read() {
        let tables = ThroughputTables::parse(include_str!("accelerators.csv"), include_str!("throughput.csv")).unwrap();
        assert_eq!(tables.accelerators.len(), 9);
        assert_eq!(tables.anchors.len(), 17);
        assert_eq!(tables, ThroughputTables::builtin());
        let known = |gpu: &str| tables.accelerators.iter().any(|figures| figures.model == gpu);
        assert!(tables.anchors.iter().all(|anchor| known(&anchor.gpu)));
    }

    #[test]
    fn wrong_tables_say_where() {
        let anchors = format!("{ANCHOR_COLUMNS}\n");
        for (accelerators, part) in [
            ("", "accelerators: empty"),
            ("# comment\ngpu,peak\n", "accelerators:2: the head is `gpu,peak`"),
            (&format!("{ACCELERATOR_COLUMNS}\nx,1\n"), "accelerators:2: 2 cells, expected 8"),
            (&format!("{ACCELERATOR_COLUMNS}\nx,1,1,fast,1,1,1,me\n"), "`peak_bf16_tflops` is `fast`"),
            (&format!("{ACCELERATOR_COLUMNS}\nx,1,1,-3,1,1,1,me\n"), "expected a number above 0"),
        ] {
            let error = ThroughputTables::parse(accelerators, &anchors).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
