//! Compares random operations on hash indexes, which share a slab and a bucket pool, with hash
//! maps. Also detects values that are dropped twice or leaked.
#![no_main]

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use rbtoken::index::{BucketPool, HashIndex, Slab, SlabArc};

const INDEXES: usize = 2;
/// Maximum number of references held outside the indexes.
const KEPT: usize = 32;

/// A value as large as a record, which counts the living values.
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

/// Returns few distinct hashes for many keys, so that tags collide and buckets overflow, also the
/// last bucket into the first.
fn hash(key: u64) -> u64 {
    let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bucket = match key % 4 {
        0 => spread >> 32,
        1 => 7,
        _ => u64::MAX,
    };
    (spread >> 62) << 48 | (spread >> 40 & 0xf) << 16 | bucket & 0xffff
}

fn hash_of(value: &Value) -> u64 {
    hash(value.key)
}

#[derive(Default)]
struct Run {
    living: Rc<Cell<usize>>,
    slab: Slab<Value>,
    memory: BucketPool,
    indexes: [HashIndex<Value>; INDEXES],
    models: [HashMap<u64, u64>; INDEXES],
    /// References with the expected number of their value.
    kept: Vec<(SlabArc<Value>, u64)>,
    number: u64,
}

impl Run {
    fn value(&mut self, key: u64) -> SlabArc<Value> {
        self.number += 1;
        self.living.set(self.living.get() + 1);
        let living = Rc::clone(&self.living);
        let value = Value { key, number: self.number, living, _padding: [key; 32] };
        let inserted = match key % 8 {
            0 => self.slab.insert_replacement(value),
            _ => self.slab.insert(value),
        };
        inserted.expect("there is memory")
    }

    fn keep(&mut self, value: SlabArc<Value>) {
        let number = value.number;
        if self.kept.len() == KEPT {
            let (oldest, number) = self.kept.swap_remove(number as usize % KEPT);
            assert_eq!(oldest.number, number);
        }
        self.kept.push((value, number));
    }

    fn set(&mut self, index: usize, key: u64) {
        let new = self.value(key);
        let number = new.number;
        let expected = self.models[index].insert(key, number);
        let replaced = self.indexes[index].replace(hash(key), |it| it.key == key, |_| new.clone());
        assert_eq!(replaced.as_ref().map(|it| it.number), expected);
        match replaced {
            Some(old) => self.keep(old),
            None => self.indexes[index]
                .insert(&self.memory, hash(key), new, hash_of)
                .expect("there is memory"),
        }
    }

    fn remove(&mut self, index: usize, key: u64) {
        let removed = self.indexes[index].remove(hash(key), |it| it.key == key);
        assert_eq!(removed.map(|it| it.number), self.models[index].remove(&key));
    }

    fn find(&mut self, index: usize, key: u64) {
        let found = self.indexes[index].find(hash(key), |it| it.key == key);
        let found = found.map(|it| SlabArc::clone(&it));
        assert_eq!(found.as_ref().map(|it| it.number), self.models[index].get(&key).copied());
        if let Some(value) = found {
            self.keep(value);
        }
    }

    /// Compares all contents.
    fn check(&self) {
        for (index, model) in self.indexes.iter().zip(&self.models) {
            for (key, number) in model {
                let found = index.find(hash(*key), |it| it.key == *key);
                let found = found.expect("what was added is found");
                assert_eq!(found.number, *number);
                assert!(found._padding.iter().all(|it| it == key));
            }
        }
        assert!(self.kept.iter().all(|(value, number)| value.number == *number));
    }

    /// Runs an operation: `operation` selects it and an index, and `argument` is a key or a number.
    fn step(&mut self, operation: u8, argument: u64) {
        let (index, key) = (usize::from(operation) % INDEXES, argument % 2048);
        match usize::from(operation) / INDEXES % 16 {
            0..4 => self.set(index, key),
            4..6 => (key..key + 40).for_each(|key| self.set(index, key)),
            6..8 => self.find(index, key),
            8..11 => self.remove(index, key),
            11 => (key..key + 60).for_each(|key| self.remove(index, key)),
            12 => {
                let room = self.indexes[index].reserve(&self.memory, key as usize, hash_of);
                room.expect("there is memory");
            }
            13 if self.models[index].is_empty() => {
                let reserved = self.indexes[index].reserve_shard(&self.memory, key as usize, 1);
                reserved.expect("there is memory");
            }
            13 => self.kept.truncate(key as usize % KEPT),
            14 => {
                self.indexes[index] = HashIndex::default();
                self.models[index].clear();
            }
            // Values and bucket arrays outlive the slab and the pool.
            _ if argument % 2 == 0 => self.slab = Slab::default(),
            _ => self.memory = BucketPool::default(),
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
