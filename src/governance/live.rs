//! A policy whose documents are read again when their files change.

use super::folder::{PolicyText, read_policies};
#[cfg(feature = "sign")]
use super::signed;
use crate::control::held;
use crate::error::OrpError;
use orp_core::{
    contract::{PolicyEngine, ResidualPolicy},
    document::Source,
    id::RuleId,
    noun::{ApprovalTerms, BudgetSpec, Digest, PolicyDecision, PolicyRequest},
};
use orp_policy::PolicySet;
#[cfg(feature = "sign")]
use orp_policy::audit::PublicKey;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A policy read from a file or folder, and read again when asked to or when the files change ([`LivePolicy::watch`]).
///
/// Every decision is made on one whole set: a swap is atomic, and what was begun under the old set ends under it. A set that is
/// wrong changes nothing but [`LivePolicy::error`].
///
/// ```
/// use orp_sdk::{governance::LivePolicy, prelude::*};
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("all.yaml");
/// let rule = |effect: &str| {
///     format!("apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: all}}\nspec: {{effect: {effect}, actions: ['*']}}\n")
/// };
/// let asked = PolicyRequest::new(PolicyPoint::Intent, "tune", Timestamp::EPOCH);
/// std::fs::write(&file, rule("allow"))?;
/// let live = LivePolicy::open(folder.path())?;
/// assert!(live.decide(&asked).is_permit());
/// std::fs::write(&file, rule("dney"))?;
/// assert!(live.reload().unwrap_err().to_string().contains("all.yaml:4:16: unknown variant `dney`"));
/// assert!(live.decide(&asked).is_permit(), "the last good set stays");
/// std::fs::write(&file, rule("deny"))?;
/// assert!(live.reload()?);
/// assert!(!live.decide(&asked).is_permit());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LivePolicy {
    path: PathBuf,
    /// Whose signature the files must have, when they must have one.
    #[cfg(feature = "sign")]
    trusted: Option<Vec<PublicKey>>,
    set: RwLock<Arc<PolicySet>>,
    /// One reading at a time.
    reading: Mutex<Reading>,
    error: Mutex<Option<OrpError>>,
}

/// What was read of the files.
#[derive(Debug, Default)]
struct Reading {
    /// What was loaded last, or could not be.
    loaded: Option<Digest>,
    /// What was seen last by a watch.
    seen: Option<Digest>,
}

impl LivePolicy {
    /// The policy of a file or folder, which must be good.
    pub fn open(path: impl Into<PathBuf>) -> Result<Arc<Self>, OrpError> {
        let live = Self::closed(path);
        live.reload()?;
        Ok(live)
    }

    /// The policy of a file or folder that need not be good yet, nor be there: until it is, everything is forbidden. It is
    /// read for the first time by [`LivePolicy::reload`] or [`LivePolicy::watch`].
    pub fn closed(path: impl Into<PathBuf>) -> Arc<Self> {
        Arc::new(Self::new(path.into()))
    }

    /// As [`LivePolicy::open`], of documents that one of these keys [signed](orp_policy::signature): what is not signed is
    /// not in force, now or later.
    #[cfg(feature = "sign")]
    pub fn open_signed(path: impl Into<PathBuf>, trusted: Vec<PublicKey>) -> Result<Arc<Self>, OrpError> {
        let live = Self::closed_signed(path, trusted);
        live.reload()?;
        Ok(live)
    }

    /// As [`LivePolicy::closed`], of documents that one of these keys signed.
    #[cfg(feature = "sign")]
    pub fn closed_signed(path: impl Into<PathBuf>, trusted: Vec<PublicKey>) -> Arc<Self> {
        Arc::new(Self { trusted: Some(trusted), ..Self::new(path.into()) })
    }

    fn new(path: PathBuf) -> Self {
        Self {
            path,
            #[cfg(feature = "sign")]
            trusted: None,
            set: RwLock::new(Arc::new(PolicySet::default())),
            reading: Mutex::default(),
            error: Mutex::default(),
        }
    }

    /// Where it is read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The set that is in force now.
    pub fn current(&self) -> Arc<PolicySet> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong with the files as they were last read; nothing when they are in force.
    pub fn error(&self) -> Option<OrpError> {
        held(&self.error).clone()
    }

    /// Reads the files again; whether another set is in force now. When they are wrong, the last good set stays.
    pub fn reload(&self) -> Result<bool, OrpError> {
        let mut reading = held(&self.reading);
        match self.read() {
            Ok(files) => self.load(&mut reading, &files),
            Err(error) => {
                self.refuse(&mut reading, None, &error);
                Err(error)
            }
        }
    }

    fn read(&self) -> Result<Files, OrpError> {
        let documents = read_policies(&self.path)?;
        #[cfg(feature = "sign")]
        let signature = self.trusted.as_ref().map(|_| signed::read_signature(&self.path)).transpose()?;
        #[cfg(not(feature = "sign"))]
        let signature = None;
        Ok(Files { documents, signature })
    }

    fn load(&self, reading: &mut Reading, files: &Files) -> Result<bool, OrpError> {
        let sources: Vec<Source<'_>> = files.documents.iter().map(PolicyText::source).collect();
        let read = Some(files.digest());
        let set = PolicySet::from_sources(&sources).map_err(OrpError::from).and_then(|set| self.check(set));
        #[cfg(feature = "sign")]
        let set = set.and_then(|set| match (&self.trusted, &files.signature) {
            (Some(trusted), Some(signature)) => signed::verify(&set, signature, trusted).map(|()| set),
            _ => Ok(set),
        });
        let set = set.inspect_err(|error| self.refuse(reading, read, error))?;
        let (changed, version) = (set.version() != self.current().version(), set.version());
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        reading.loaded = read;
        *held(&self.error) = None;
        if changed {
            tracing::info!(path = %self.path.display(), version = %version.short(), "another policy set is in force");
        }
        Ok(changed)
    }

    /// A set without rules would forbid everything: files that are just being written or taken away look so.
    fn check(&self, set: PolicySet) -> Result<PolicySet, OrpError> {
        if set.rules().is_empty() {
            let (path, detail) = (self.path.display().to_string(), "there is no rule in it".into());
            return Err(OrpError::File { path, detail });
        }
        Ok(set)
    }

    fn refuse(&self, reading: &mut Reading, read: Option<Digest>, error: &OrpError) {
        reading.loaded = read;
        let is_new = held(&self.error).as_ref().map(ToString::to_string) != Some(error.to_string());
        if is_new {
            tracing::warn!(path = %self.path.display(), %error, "the policy files are wrong: the last good set stays");
        }
        *held(&self.error) = Some(error.clone());
    }

    /// Reads the files again if anything in them has changed since, and is no longer changing: two looks saw the same.
    fn refresh(&self) {
        let mut reading = held(&self.reading);
        match self.read() {
            Ok(files) => {
                let seen = Some(files.digest());
                let is_settled = reading.seen == seen || reading.loaded.is_none();
                reading.seen = seen;
                if is_settled && reading.loaded != seen {
                    // The error is kept and logged.
                    let _ = self.load(&mut reading, &files);
                }
            }
            Err(error) => self.refuse(&mut reading, None, &error),
        }
    }

    /// Looks every so often whether the files have changed, and reads them again when they have, until the watch or the last
    /// handle of the policy is dropped. By content: editors that replace files and file systems without notices are alike.
    pub fn watch(self: &Arc<Self>, every: Duration) -> Watch {
        let (stop, stopped) = channel();
        let live = Arc::downgrade(self);
        let thread = std::thread::spawn(move || {
            while let Some(live) = Weak::upgrade(&live) {
                live.refresh();
                drop(live);
                match stopped.recv_timeout(every) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Watch { stop: Some(stop), thread: Some(thread) }
    }
}

/// What one look at the files saw.
struct Files {
    documents: Vec<PolicyText>,
    /// Where one must be there.
    signature: Option<PolicyText>,
}

impl Files {
    /// The digest of texts with their names.
    fn digest(&self) -> Digest {
        let texts = self.documents.iter().chain(&self.signature);
        let lines: String = texts.map(|read| format!("{} {}\n", Digest::of(read.text.as_bytes()), read.name)).collect();
        Digest::of(lines.as_bytes())
    }
}

/// Watches a [`LivePolicy`]'s files until it is dropped.
#[derive(Debug)]
#[must_use = "the watch ends when it is dropped"]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread wakes when its sender is gone.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl PolicyEngine for LivePolicy {
    fn decide(&self, request: &PolicyRequest) -> PolicyDecision {
        self.current().decide(request)
    }

    fn budgets(&self, request: &PolicyRequest) -> Vec<BudgetSpec> {
        self.current().budgets(request)
    }

    fn approval_terms(&self, flow: &RuleId) -> Option<ApprovalTerms> {
        self.current().approval_terms(flow)
    }

    fn residual<'a>(&'a self, known: &PolicyRequest, open: &[&str]) -> Option<Box<dyn ResidualPolicy + 'a>> {
        Some(self.current().narrowed(known, open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::{contract::PolicyEngineExt, noun::Facts, noun::PolicyPoint, unit::Timestamp};
    use std::fs;

    fn rule(id: &str, effect: &str) -> String {
        format!(
            "apiVersion: orp.policy/v1\nkind: Rule\nmetadata: {{id: {id}}}\nspec: {{effect: {effect}, actions: ['*']}}\n"
        )
    }

    fn asked() -> PolicyRequest {
        PolicyRequest::new(PolicyPoint::Intent, "tune", Timestamp::EPOCH)
    }

    fn names(path: &Path) -> Vec<String> {
        let texts = read_policies(path).unwrap();
        texts.iter().map(|read| Path::new(&read.name).file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn files_folders_and_includes_are_read_once_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("set/more/deep")).unwrap();
        fs::create_dir_all(at("set/.hidden")).unwrap();
        fs::create_dir_all(at("shared")).unwrap();
        let include = |paths: &str| {
            format!("apiVersion: orp.policy/v1\nkind: PolicySet\nmetadata: {{id: s}}\nspec: {{include: [{paths}]}}\n")
        };
        fs::write(at("set/a.yaml"), include("b.yaml, more, extra.txt")).unwrap();
        fs::write(at("set/b.yaml"), rule("b", "deny")).unwrap();
        fs::write(at("set/more/deep/c.YML"), rule("c", "allow")).unwrap();
        fs::write(at("set/extra.txt"), rule("extra", "allow")).unwrap();
        fs::write(at("set/notes.md"), "no policy").unwrap();
        fs::write(at("set/.hidden/d.yaml"), "no policy").unwrap();
        assert_eq!(names(&at("set")), ["a.yaml", "b.yaml", "extra.txt", "c.YML"]);
        assert_eq!(names(&at("set/a.yaml")), ["a.yaml", "b.yaml", "extra.txt", "c.YML"]);
        assert_eq!(names(&at("set/b.yaml")), ["b.yaml"]);
        assert_eq!(LivePolicy::open(at("set")).unwrap().current().rules().len(), 3);
        fs::write(at("set/a.yaml"), include("gone.yaml")).unwrap();
        assert!(LivePolicy::open(at("set")).unwrap_err().to_string().contains("gone.yaml"));
        assert!(read_policies(at("nowhere")).is_err());
    }

    #[test]
    fn what_changes_is_in_force_and_what_is_wrong_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        let live = LivePolicy::closed(folder.path());
        assert!(!live.decide(&asked()).is_permit(), "before any good set all is forbidden");
        let watch = live.watch(Duration::from_millis(5));
        let until = |is_so: &dyn Fn() -> bool| {
            (0..2_000).any(|_| {
                std::thread::sleep(Duration::from_millis(2));
                is_so()
            })
        };
        fs::write(&file, rule("r", "allow")).unwrap();
        assert!(until(&|| live.decide(&asked()).is_permit()));
        let good = live.current().version();
        fs::write(&file, rule("r", "dney")).unwrap();
        assert!(until(&|| live.error().is_some_and(|error| error.to_string().contains("p.yaml:4:16"))));
        assert_eq!(live.current().version(), good);
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(until(&|| live.error().is_some_and(|error| error.to_string().contains("cannot read"))));
        assert_eq!(live.current().version(), good);
        fs::create_dir(folder.path()).unwrap();
        fs::write(&file, rule("r", "deny")).unwrap();
        assert!(until(&|| !live.decide(&asked()).is_permit() && live.error().is_none()));
        drop(watch);
        fs::write(&file, rule("r", "allow")).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert!(!live.decide(&asked()).is_permit(), "nobody watches any more");
        assert!(live.reload().unwrap() && live.decide(&asked()).is_permit());
    }

    /// What was begun under one set ends under it.
    #[test]
    fn a_narrowed_policy_keeps_its_set() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        fs::write(&file, rule("r", "allow")).unwrap();
        let live = LivePolicy::open(&file).unwrap();
        let narrow = live.narrow(&asked(), &["region"]);
        fs::write(&file, rule("r", "deny")).unwrap();
        assert!(live.reload().unwrap());
        assert!(narrow.decide(&Facts::new()).is_permit() && !live.decide(&asked()).is_permit());
    }

    /// What nobody who is trusted signed is not in force, and what was in force stays.
    #[cfg(feature = "sign")]
    #[test]
    fn what_is_not_signed_is_not_in_force() {
        use crate::governance::{SIGNATURE_FILE, read_signed_policies};
        use orp_policy::audit::{Signer, SigningKey};
        use orp_policy::signature::SetSignature;

        let (officer, mallory) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let (folder, trusted) = (tempfile::tempdir().unwrap(), vec![officer.key()]);
        let (file, signature) = (folder.path().join("p.yaml"), folder.path().join(SIGNATURE_FILE));
        let write = |effect: &str, signer: &SigningKey| {
            fs::write(&file, rule("r", effect)).unwrap();
            let set = PolicySet::from_sources(&[Source::new("p.yaml", &rule("r", effect))]).unwrap();
            SetSignature::of(&set, signer).unwrap().to_string()
        };
        let signed = write("allow", &officer);
        let wrong = |part: &str| {
            for path in [folder.path(), &file] {
                let error = read_signed_policies(path, &trusted).unwrap_err().to_string();
                assert!(error.contains(SIGNATURE_FILE) && error.contains(part), "{error}");
                assert_eq!(LivePolicy::open_signed(path, trusted.clone()).unwrap_err().to_string(), error);
            }
        };
        wrong("the set is not signed");
        assert!(LivePolicy::open(folder.path()).is_ok(), "who asks for no signature needs none");
        fs::write(&signature, write("allow", &mallory)).unwrap();
        wrong("which is none of those that are trusted");
        fs::write(&signature, &signed[1..]).unwrap();
        wrong("it is no signature");
        fs::write(&signature, &signed).unwrap();
        assert_eq!(read_signed_policies(folder.path(), &trusted).unwrap(), read_policies(folder.path()).unwrap());
        let live = LivePolicy::open_signed(folder.path(), trusted.clone()).unwrap();
        assert!(live.decide(&asked()).is_permit());

        // A watch sees that a signature is missing, and that it has come.
        let watch = live.watch(Duration::from_millis(5));
        let until = |is_so: &dyn Fn() -> bool| {
            (0..2_000).any(|_| {
                std::thread::sleep(Duration::from_millis(2));
                is_so()
            })
        };
        let denies = write("deny", &officer);
        assert!(until(&|| live.error().is_some_and(|error| error.to_string().contains("it signs another set"))));
        assert!(live.decide(&asked()).is_permit(), "the last good set stays");
        fs::write(&signature, denies).unwrap();
        assert!(until(&|| !live.decide(&asked()).is_permit() && live.error().is_none()));
        fs::remove_file(&signature).unwrap();
        assert!(until(&|| live.error().is_some_and(|error| error.to_string().contains("the set is not signed"))));
        assert!(!live.decide(&asked()).is_permit());
        drop(watch);
    }
}
