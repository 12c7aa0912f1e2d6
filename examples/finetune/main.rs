//! The main job: from an intent to a finished run, with real processes, real reclaims and a report.
//!
//! `cargo run --release --example finetune [-- [FILE] [--strict] [--recipe FILE] [--folder DIR] [--plain]]`
//!
//! Plans the reference intent (or the intent in FILE) over a market of cloud offers and this machine, prints the frontier,
//! chooses, and runs the choice: stage, prepare, train, evaluate and register are real processes. The training program
//! (`examples/trainer`) trains a small language model on data it makes; one token it trains stands for a fixed number of
//! planned ones. The market's clock is set so that this machine's real speed is the planned speed, so ten hours pass in
//! about ten seconds; its reclaims are real signals. Killed in the middle and started again with the same folder, it goes on.

mod live;
#[allow(dead_code, reason = "this binary uses a part of the trainer; its own program uses all of it")]
#[path = "../trainer/trainer.rs"]
mod trainer;

use live::Live;
use orp_sdk::{
    prelude::*,
    process::{Launcher, Supervisor, supervise_if_asked},
    provider::{
        local::LocalConfig,
        market::{MarketConfig, ReclaimModel, Trace},
    },
    report::Report,
    time::{ScaledClock, WallClock},
};
use std::{path::PathBuf, process::ExitCode, sync::Arc};

type AnyError = Box<dyn std::error::Error>;

/// One real token stands for this many planned ones.
const SCALE: f64 = 200.0;
const POLICY: &str = include_str!("policy.yaml");

fn main() -> ExitCode {
    // The supervisor of each task is this program again; so is the training program.
    supervise_if_asked();
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, command, ..] = args.as_slice()
        && first == "trainer"
    {
        return trainer::run(command);
    }
    let options = match Options::read(&args) {
        Ok(options) => options,
        Err(error) => return fail(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    match runtime.block_on(go(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

struct Options {
    intent: Option<PathBuf>,
    strict: bool,
    plain: bool,
    folder: PathBuf,
    recipe: Option<PathBuf>,
}

impl Options {
    fn read(args: &[String]) -> Result<Self, String> {
        let folder = std::env::temp_dir().join("orp-finetune");
        let mut options = Self { intent: None, strict: false, plain: false, folder, recipe: None };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--strict" => options.strict = true,
                "--plain" => options.plain = true,
                "--folder" => options.folder = args.next().ok_or("`--folder` needs a folder")?.into(),
                "--recipe" => options.recipe = Some(args.next().ok_or("`--recipe` needs a file")?.into()),
                "--help" | "-h" => {
                    return Err("usage: finetune [FILE] [--strict] [--recipe FILE] [--folder DIR] [--plain]".into());
                }
                flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`, try --help")),
                file => options.intent = Some(file.into()),
            }
        }
        Ok(options)
    }

    fn intent(&self) -> Result<Intent, AnyError> {
        let (name, text) = match (&self.intent, self.strict) {
            (Some(path), _) => return Ok(read_intent(path)?),
            (None, true) => ("intent-strict.yaml", include_str!("intent-strict.yaml")),
            (None, false) => ("intent.yaml", include_str!("intent.yaml")),
        };
        Ok(Intent::from_source(&Source::new(name, text))?)
    }
}

/// Everything from the intent to the report; whether the run did what was wanted.
async fn go(options: &Options) -> Result<bool, AnyError> {
    let intent = options.intent()?;
    // The clock stands almost still until the run starts: planning takes no time of the market's.
    let clock = ScaledClock::new(WallClock.now(), 1.0);
    let market = market(options, &clock).await?;
    let orp = host(options, &clock, &market).await?;

    let unfinished = orp.runs().into_iter().find(|run| run.state().ended.is_none());
    let (run, frontier) = match unfinished {
        Some(run) => {
            println!("Going on with {}, which an earlier host left unfinished.\n", run.id().short());
            set_pace(&clock, &run.state().first_plan);
            (run, None)
        }
        None => {
            println!("Intent: {intent}\n");
            let frontier = match orp.plan(&intent).await? {
                PlanAnswer::Plans(frontier) => frontier,
                PlanAnswer::Infeasible(why) => {
                    println!("{why}");
                    return Ok(false);
                }
                PlanAnswer::Refused(decision) => {
                    println!("Refused by policy: {decision}\nNothing was started.");
                    return Ok(false);
                }
                PlanAnswer::NeedsApproval(asked) => {
                    asked.iter().for_each(|approval| println!("{approval}"));
                    println!("Nothing was started.");
                    return Ok(false);
                }
            };
            println!("{}", frontier.table());
            let plan = frontier.choose(&intent.prefer).cloned().ok_or("the frontier is empty")?;
            println!("Chosen:\n{}", plan.explain());
            set_pace(&clock, &plan);
            (orp.run(plan).await?.started()?, Some(frontier))
        }
    };
    let state = follow(&run, options.plain).await?;
    report(options, &state, frontier.as_ref(), &clock)?;
    orp.shutdown().await;
    market.shutdown().await?;
    Ok(state.ended.is_some_and(|(_, outcome)| outcome == Outcome::Succeeded))
}

/// The market: the SDK's catalogue, a replica of the data set, a copy of the weights, and zones that are out in turn.
async fn market(options: &Options, clock: &ScaledClock) -> Result<Arc<MarketProvider>, AnyError> {
    let (asset, size) = ("corpus@v3".parse()?, "100 GB".parse()?);
    let replica = Replica { asset, size, tokens: Some("25 G".parse()?), class: DataClass::Internal };
    let (asset, size) = ("llama-3-70b@v1".parse()?, "141 GB".parse()?);
    let weights = Weights { asset, size, parameters: 70_600_000_000, visibility: Visibility::Public };
    let home = Place::new("aws", "us-east-1");
    let config = MarketConfig::new(options.folder.join("market"))
        .with_clock(clock.clone())
        .with_launcher(Launcher::new(Supervisor::this_host()?))
        .with_replica(home.clone(), replica)
        .with_weights(home, weights)
        .with_reclaims(ReclaimModel::Trace(outages()?));
    Ok(Arc::new(MarketProvider::open(config).await?))
}

/// Spot is reclaimed zone by zone: every eight hours each zone is out for half an hour, none when its neighbour is.
fn outages() -> Result<Trace, AnyError> {
    let (mut trace, period, outage): (_, Span, Span) = (Trace::default(), "8h".parse()?, "30m".parse()?);
    for round in 0..120 {
        for (nth, zone) in ["*a", "*b", "*c", "*d", "*e", "*f", "*-1", "*-2", "*-3"].into_iter().enumerate() {
            let first = Span::MINUTE.saturating_mul(170 + 75 * (nth as u64 % 6));
            trace.add(zone, first.saturating_add(period.saturating_mul(round)), outage);
        }
    }
    Ok(trace)
}

/// ORP with the market, this machine's own cores, and the two reference rules as policy.
async fn host(options: &Options, clock: &ScaledClock, market: &Arc<MarketProvider>) -> Result<Orp, AnyError> {
    let local = LocalConfig::new(options.folder.join("local"), Supervisor::this_host()?)
        .with_clock(Arc::new(clock.clone()))
        .with_cuda_devices();
    let local = LocalProvider::open(local)?;
    let policy = PolicySet::from_sources(&[Source::new("policy.yaml", POLICY)])?;
    let mut builder = Orp::builder();
    if let Some(path) = &options.recipe {
        builder = builder.recipe_file(path)?;
    }
    let orp = builder
        .folder(&options.folder)
        .clock(Arc::new(clock.clone()))
        .compute(market.clone())
        .data(market.clone())
        .compute(Arc::new(local))
        .policy(Arc::new(policy))
        .program("trainer", std::env::current_exe()?, ["trainer".to_owned()])
        .build()
        .await?;
    Ok(orp)
}

/// Sets the clock so that this machine's real training speed is the speed the plan believes in.
fn set_pace(clock: &ScaledClock, plan: &Plan) {
    let method = trainer::Method::parse(&plan.variant).unwrap_or(trainer::Method::Full);
    let real = trainer::calibrate(method, 0.4);
    let mut rates = plan.bindings.iter().filter_map(|binding| binding.rate.as_ref());
    let believed = rates.find(|rate| rate.unit == "tokens").map(|rate| rate.per_second);
    if let Some(believed) = believed {
        let pace = SCALE * real / believed;
        println!(
            "This machine trains {real:.0} real tokens/s; one stands for {SCALE} planned ones, and the plan believes in \
             {believed:.0} tokens/s,\nso the market's clock runs {pace:.0} times as fast as the wall's: an hour in {:.2} s.\n",
            3600.0 / pace
        );
        clock.set_rate(pace);
    }
}

/// Shows the run while it goes; Ctrl-C cancels it, and waits until everything is cleaned up.
async fn follow(run: &RunHandle, plain: bool) -> Result<RunState, AnyError> {
    let mut events = run.events();
    let state = run.state();
    let mut live = Live::new(&state.plan, state.started, plain);
    let ended = run.wait();
    tokio::pin!(ended);
    let state = loop {
        tokio::select! {
            state = &mut ended => break state?,
            Some(event) = events.next() => live.see(&event),
            _ = tokio::signal::ctrl_c() => run.cancel("Ctrl-C"),
        }
    };
    live.end();
    Ok(state)
}

/// The report on the terminal and as one HTML file.
fn report(
    options: &Options,
    state: &RunState,
    frontier: Option<&Frontier>,
    clock: &ScaledClock,
) -> Result<(), AnyError> {
    let notes = [
        "Really trained: orp-tiny-lm, a next-token model of 13,504 weights, on a corpus it made itself; the name of the model \
         in the intent is a stand-in."
            .to_owned(),
        format!(
            "Simulated: the market's prices (a dated snapshot), hardware speeds, distances and reclaim times; its clock ran \
             {:.0} times as fast as the wall's. Real: processes, signals, checkpoints, exits, digests, and all training.",
            clock.rate()
        ),
    ];
    let report = Report::new(state, frontier, &notes);
    println!("\n{report}");
    let path = options.folder.join("report.html");
    report.save_html(&path)?;
    println!("The same as a page: {}", path.display());
    Ok(())
}
