//! Allocation of records and interning of the fields that they share.

use std::sync::Arc;

use crate::error::Result;
use crate::index::Slab;
use crate::model::interner::{Interner, Keyed};
use crate::token::{Common, Record, RecordFields, SharedRecord};

/// Interns shared fields and allocates records.
#[derive(Default)]
pub(in crate::backend) struct Commons {
    slab: Slab<Record>,
    fields: Interner<Common>,
}

impl Keyed for Common {
    type Key = Self;

    fn key(&self) -> &Self {
        self
    }
}

impl Commons {
    /// Returns the memory of the records in bytes.
    pub fn bytes(&self) -> usize {
        self.slab.bytes()
    }

    /// Creates a new record. The owner's name must be interned.
    ///
    /// # Errors
    /// `NoMemory`. Some memory is left for replacements of records.
    pub fn record(&self, id: i64, fields: RecordFields) -> Result<SharedRecord> {
        let share = |common| self.share(common);
        Record::placed(id, fields, None, share, |record| self.slab.place(record))
    }

    /// Creates a record that replaces another one. The owner's name must be interned.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn replacement(&self, id: i64, fields: RecordFields) -> Result<SharedRecord> {
        let share = |common| self.share(common);
        Record::placed(id, fields, None, share, |record| self.slab.place_anyway(record))
    }

    /// Allocates memory for this many records ahead of time.
    #[cfg(feature = "sqlite")]
    pub fn prepare(&self, records: usize) {
        self.slab.prepare(records);
    }

    /// Interns shared fields.
    fn share(&self, common: Common) -> Arc<Common> {
        if !common.can_be_shared() {
            return Arc::new(common);
        }
        self.fields.share(common)
    }

    /// Frees memory of dropped records.
    pub fn sweep(&self) {
        self.fields.sweep();
    }

    /// Records that `records` records were dropped, so that a sweep may free memory.
    pub fn released(&self, records: usize) {
        self.fields.released(records);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::fields;

    /// Creates a record that differs from others by a note.
    fn noted(commons: &Commons, alike: &RecordFields, note: &str) -> SharedRecord {
        let fields = RecordFields { note: note.into(), ..alike.clone() };
        commons.record(1, fields).unwrap()
    }

    #[test]
    fn equal_records_share_fields_and_unused_ones_are_dropped() {
        let commons = Commons::default();
        let alike = fields(1, "alice", None, None);
        let noted = |note: &str| noted(&commons, &alike, note);
        let (one, other) = (noted("x"), noted("x"));
        assert_eq!(one.note().as_str().as_ptr(), other.note().as_str().as_ptr());
        assert_eq!(commons.fields.entries().0, 1);

        const COUNT: usize = if cfg!(miri) { 120 } else { 1000 };
        let many: Vec<_> = (0..COUNT).map(|n| noted(&n.to_string())).collect();
        assert_eq!(commons.fields.entries().0, COUNT + 1);
        drop(many);
        commons.released(COUNT);
        let kept = noted("y");
        assert!(matches!(commons.fields.entries(), (2, ..100)));
        drop((kept, one, other));
    }
}
