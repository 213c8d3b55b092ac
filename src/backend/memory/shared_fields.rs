//! Allocation of records and interning of the fields that they share.

use std::sync::Arc;

use crate::error::Result;
use crate::index::Slab;
use crate::model::interner::{Interner, Keyed};
use crate::token::{Record, RecordFields, SharedFields, SharedRecord};

/// Interns shared fields and allocates records.
#[derive(Default)]
pub(in crate::backend) struct SharedFieldsInterner {
    slab: Slab<Record>,
    fields: Interner<SharedFields>,
}

impl Keyed for SharedFields {
    type Key = Self;

    fn key(&self) -> &Self {
        self
    }
}

impl SharedFieldsInterner {
    /// Returns the memory of the records in bytes.
    pub fn bytes(&self) -> usize {
        self.slab.bytes()
    }

    /// Creates a new record. The owner's name must be interned.
    ///
    /// # Errors
    /// `NoMemory`. Some memory is left for replacements of records.
    pub fn record(&self, id: i64, fields: RecordFields) -> Result<SharedRecord> {
        let share = |shared| self.share(shared);
        Record::new_in(id, fields, None, share, |record| self.slab.insert(record))
    }

    /// Creates a record that replaces another one. The owner's name must be interned.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn replacement(&self, id: i64, fields: RecordFields) -> Result<SharedRecord> {
        let share = |shared| self.share(shared);
        Record::new_in(id, fields, None, share, |record| self.slab.insert_replacement(record))
    }

    /// Allocates memory for this many records ahead of time.
    #[cfg(feature = "sqlite")]
    pub fn reserve(&self, records: usize) {
        self.slab.reserve(records);
    }

    /// Interns shared fields.
    fn share(&self, shared: SharedFields) -> Arc<SharedFields> {
        if !shared.can_be_shared() {
            return Arc::new(shared);
        }
        self.fields.share(shared)
    }

    /// Frees memory of dropped records.
    pub fn sweep(&self) {
        self.fields.sweep();
    }

    /// Reports that up to `records` records were dropped, so that a sweep may free memory.
    pub fn note_drops(&self, records: usize) {
        self.fields.note_drops(records);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::fields;

    /// Creates a record that differs from others by a note.
    fn record_with_note(
        interner: &SharedFieldsInterner,
        base: &RecordFields,
        note: &str,
    ) -> SharedRecord {
        let fields = RecordFields { note: note.into(), ..base.clone() };
        interner.record(1, fields).unwrap()
    }

    #[test]
    fn equal_fields_are_shared_and_unused_ones_dropped() {
        let interner = SharedFieldsInterner::default();
        let base = fields(1, "alice", None, None);
        let with_note = |note: &str| record_with_note(&interner, &base, note);
        let (one, other) = (with_note("x"), with_note("x"));
        assert_eq!(one.note().as_str().as_ptr(), other.note().as_str().as_ptr());
        assert_eq!(interner.fields.entries().0, 1);

        const COUNT: usize = if cfg!(miri) { 120 } else { 1000 };
        let many: Vec<_> = (0..COUNT).map(|n| with_note(&n.to_string())).collect();
        assert_eq!(interner.fields.entries().0, COUNT + 1);
        drop(many);
        interner.note_drops(COUNT);
        let kept = with_note("y");
        assert!(matches!(interner.fields.entries(), (2, ..100)));
        drop((kept, one, other));
    }
}
