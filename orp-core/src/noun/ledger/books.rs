//! All accounts, by dense numbers and by name.

use super::account::Book;
use super::reservation::hash;
use super::{LedgerError, Notice};
use crate::id::BudgetName;
use crate::unit::Timestamp;
use hashbrown::HashTable;
use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

/// The most accounts one reservation is held on, ancestors included.
pub(super) const MAX_ACCOUNTS: usize = 64;

/// An account's place. INVARIANT: one is made only for an account that is there, and accounts are never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct BookId(u32);

/// All accounts.
#[derive(Debug, Clone, Default)]
pub(super) struct Books {
    list: Vec<Book>,
    names: HashTable<BookId>,
    /// Those to which time may matter.
    timed: BTreeSet<BookId>,
}

impl Index<BookId> for Books {
    type Output = Book;
    #[allow(clippy::indexing_slicing, reason = "the invariant of BookId")]
    #[inline]
    fn index(&self, id: BookId) -> &Book {
        &self.list[id.0 as usize]
    }
}

impl IndexMut<BookId> for Books {
    #[allow(clippy::indexing_slicing, reason = "the invariant of BookId")]
    #[inline]
    fn index_mut(&mut self, id: BookId) -> &mut Book {
        &mut self.list[id.0 as usize]
    }
}

impl Books {
    #[inline]
    pub(super) fn find(&self, name: &BudgetName) -> Option<BookId> {
        self.names.find(hash(name.as_str()), |id| self[*id].name() == name).copied()
    }

    pub(super) fn id(&self, name: &BudgetName) -> Result<BookId, LedgerError> {
        self.find(name).ok_or_else(|| LedgerError::UnknownBudget(name.clone()))
    }

    /// Whether so many more fit.
    pub(super) fn check_space(&self, more: usize) -> Result<(), LedgerError> {
        let most = u32::MAX as usize;
        if self.list.len().saturating_add(more) > most { Err(LedgerError::Full(most)) } else { Ok(()) }
    }

    /// Adds an account whose name is not there; the caller has asked for the space.
    pub(super) fn push(&mut self, book: Book) -> BookId {
        let (id, hash_of) = (BookId(self.list.len() as u32), |book: &Book| hash(book.name().as_str()));
        let own = hash_of(&book);
        self.list.push(book);
        let list = &self.list;
        self.names.insert_unique(own, id, |id| list.get(id.0 as usize).map_or(0, hash_of));
        id
    }

    /// In the order they were opened.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Book> {
        self.list.iter()
    }

    /// Notes whether time may matter to an account on its present terms.
    pub(super) fn note_time(&mut self, id: BookId) {
        match self[id].is_timed() {
            true => self.timed.insert(id),
            false => self.timed.remove(&id),
        };
    }

    /// Takes in the time wherever it may matter; there are far more accounts to which it does not.
    pub(super) fn pass(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        for id in &self.timed {
            if let Some(book) = self.list.get_mut(id.0 as usize) {
                book.pass(now, notices);
            }
        }
    }

    /// The named accounts and then their ancestors, each once.
    pub(super) fn path(&self, names: &[BudgetName]) -> Result<Path, LedgerError> {
        let mut gathered = Gathered { ids: [BookId::default(); MAX_ACCOUNTS], len: 0 };
        for name in names {
            gathered.add(self.id(name)?)?;
        }
        let named = gathered.len;
        for at in 0..named {
            let mut next = gathered.ids().get(at).and_then(|id| self[*id].parent);
            // An ancestor that is there already brings, or has brought, its own.
            while let Some(id) = next {
                next = if gathered.add(id)? { self[id].parent } else { None };
            }
        }
        Ok(Path::new(gathered.ids(), named))
    }
}

/// Accounts as they are found, each once.
struct Gathered {
    ids: [BookId; MAX_ACCOUNTS],
    len: usize,
}

impl Gathered {
    #[inline]
    fn ids(&self) -> &[BookId] {
        self.ids.get(..self.len).unwrap_or(&self.ids)
    }

    /// Whether it was not there yet.
    #[inline]
    fn add(&mut self, id: BookId) -> Result<bool, LedgerError> {
        if self.ids().contains(&id) {
            return Ok(false);
        }
        *self.ids.get_mut(self.len).ok_or(LedgerError::TooManyAccounts(MAX_ACCOUNTS))? = id;
        self.len += 1;
        Ok(true)
    }
}

/// Some accounts: those named first, then the ancestors of these, each once. A few need no allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    Few { ids: [BookId; Path::FEW], len: u8, named: u8 },
    Many { ids: Box<[BookId]>, named: u8 },
}

impl Path {
    const FEW: usize = 6;

    /// Of at most [`MAX_ACCOUNTS`] accounts, the first of which were named.
    #[inline]
    fn new(found: &[BookId], named: usize) -> Self {
        let (mut ids, len, named) = ([BookId::default(); Self::FEW], found.len() as u8, named as u8);
        match ids.get_mut(..found.len()) {
            Some(part) => {
                part.copy_from_slice(found);
                Self::Few { ids, len, named }
            }
            None => Self::Many { ids: found.into(), named },
        }
    }

    /// Of accounts that a stored reservation is held on; `None` when they are too many.
    pub(super) fn restored(ids: &[BookId], named: usize) -> Option<Self> {
        (ids.len() <= MAX_ACCOUNTS).then(|| Self::new(ids, named))
    }

    /// All of them.
    #[inline]
    pub(super) fn ids(&self) -> &[BookId] {
        match self {
            Self::Few { ids, len, .. } => ids.get(..usize::from(*len)).unwrap_or(ids),
            Self::Many { ids, .. } => ids,
        }
    }

    /// How many of them were named.
    #[inline]
    fn count_named(&self) -> usize {
        let (Self::Few { named, .. } | Self::Many { named, .. }) = self;
        usize::from(*named)
    }

    /// Those that were named.
    #[inline]
    pub(super) fn named(&self) -> &[BookId] {
        self.ids().get(..self.count_named()).unwrap_or_default()
    }

    /// Those that were not.
    pub(super) fn ancestors(&self) -> &[BookId] {
        self.ids().get(self.count_named()..).unwrap_or_default()
    }
}
