//! Runs operations on tables of the index, which share a slab and the memory of their lines, and
//! compares each with a hash map. A value that is dropped twice or not at all is found, too.
#![no_main]

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use rbtoken::index::{LineMemory, Shared, Slab, Table};

const TABLES: usize = 2;
/// References that are kept beside the tables' own, at most.
const KEPT: usize = 32;

/// A value that says how many there are, and that is as large as a record is.
struct Value {
    key: u64,
    number: u64,
    living: Rc<Cell<usize>>,
    _padding: [u64; 32],
}

impl Drop for Value {
    fn drop(&mut self) {
        self.living.set(self.living.get() - 1);
    }
}

/// Few hashes for many keys: tags agree, and lines overflow, also the last one into the first.
fn hash(key: u64) -> u64 {
    let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let line = match key % 4 {
        0 => spread >> 32,
        1 => 7,
        _ => u64::MAX,
    };
    (spread >> 62) << 48 | (spread >> 40 & 0xf) << 16 | line & 0xffff
}

fn hash_of(value: &Value) -> u64 {
    hash(value.key)
}

#[derive(Default)]
struct Run {
    living: Rc<Cell<usize>>,
    slab: Slab<Value>,
    memory: LineMemory,
    tables: [Table<Value>; TABLES],
    models: [HashMap<u64, u64>; TABLES],
    /// With the number that each must have.
    kept: Vec<(Shared<Value>, u64)>,
    number: u64,
}

impl Run {
    fn value(&mut self, key: u64) -> Shared<Value> {
        self.number += 1;
        self.living.set(self.living.get() + 1);
        let living = Rc::clone(&self.living);
        let value = Value { key, number: self.number, living, _padding: [key; 32] };
        let placed = match key % 8 {
            0 => self.slab.place_anyway(value),
            _ => self.slab.place(value),
        };
        placed.expect("there is memory")
    }

    fn keep(&mut self, value: Shared<Value>) {
        let number = value.number;
        if self.kept.len() == KEPT {
            let (oldest, number) = self.kept.swap_remove(number as usize % KEPT);
            assert_eq!(oldest.number, number);
        }
        self.kept.push((value, number));
    }

    fn set(&mut self, table: usize, key: u64) {
        let new = self.value(key);
        let number = new.number;
        let expected = self.models[table].insert(key, number);
        let replaced = self.tables[table].replace(hash(key), |it| it.key == key, |_| new.clone());
        assert_eq!(replaced.as_ref().map(|it| it.number), expected);
        match replaced {
            Some(old) => self.keep(old),
            None => self.tables[table]
                .insert(&self.memory, hash(key), new, hash_of)
                .expect("there is memory"),
        }
    }

    fn remove(&mut self, table: usize, key: u64) {
        let removed = self.tables[table].remove(hash(key), |it| it.key == key);
        assert_eq!(removed.map(|it| it.number), self.models[table].remove(&key));
    }

    fn find(&mut self, table: usize, key: u64) {
        let found = self.tables[table].find(hash(key), |it| it.key == key);
        let found = found.map(|it| Shared::clone(&it));
        assert_eq!(found.as_ref().map(|it| it.number), self.models[table].get(&key).copied());
        if let Some(value) = found {
            self.keep(value);
        }
    }

    /// Compares everything.
    fn check(&self) {
        for (table, model) in self.tables.iter().zip(&self.models) {
            for (key, number) in model {
                let found = table.find(hash(*key), |it| it.key == *key);
                let found = found.expect("what was added is found");
                assert_eq!(found.number, *number);
                assert!(found._padding.iter().all(|it| it == key));
            }
        }
        assert!(self.kept.iter().all(|(value, number)| value.number == *number));
    }

    /// An operation is a byte that names it and a table, and two that are a key or a number.
    fn step(&mut self, operation: u8, argument: u64) {
        let (table, key) = (usize::from(operation) % TABLES, argument % 2048);
        match usize::from(operation) / TABLES % 16 {
            0..4 => self.set(table, key),
            4..6 => (key..key + 40).for_each(|key| self.set(table, key)),
            6..8 => self.find(table, key),
            8..11 => self.remove(table, key),
            11 => (key..key + 60).for_each(|key| self.remove(table, key)),
            12 => {
                let room = self.tables[table].make_room(&self.memory, key as usize, hash_of);
                room.expect("there is memory");
            }
            13 if self.models[table].is_empty() => {
                let reserved = self.tables[table].reserve(&self.memory, key as usize, 1);
                reserved.expect("there is memory");
            }
            13 => self.kept.truncate(key as usize % KEPT),
            14 => {
                self.tables[table] = Table::default();
                self.models[table].clear();
            }
            // The values stay, as do the lines of the tables.
            _ if argument % 2 == 0 => self.slab = Slab::default(),
            _ => self.memory = LineMemory::default(),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let mut run = Run::default();
    for step in input.chunks_exact(3) {
        run.step(step[0], u64::from(u16::from_le_bytes([step[1], step[2]])));
    }
    run.check();
    let living = Rc::clone(&run.living);
    drop(run);
    assert_eq!(living.get(), 0, "every value is dropped");
});
