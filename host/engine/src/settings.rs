//! wasmtime's settings, in one place: every engine of this crate has these and no others.
//!
//! Turned off is what a plugin has no use for: each feature is compiler surface.
//! `multi_memory` stays on because components need it for adapters between modules.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures};

use crate::{hook::Class, limits::Limits};

/// Memories that one component may have.
pub(crate) const MEMORIES: u32 = 4;
/// Tables that one component may have.
pub(crate) const TABLES: u32 = 16;
/// Core instances that one component may have; Python has 38.
pub(crate) const CORE_INSTANCES: u32 = 48;

/// How much a slot of the pool holds at most, whatever the limits of a call are.
const SLOT_MEMORY: usize = 64 << 20;

/// What a guest may be made of.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::FLOATS
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

/// The settings of an engine that runs `concurrency` calls at a time.
pub(crate) fn config(limits: &Limits, concurrency: u32, pooled: bool) -> Config {
    let mut config = Config::new();
    // Fuel is the deterministic budget, the epoch keeps the thread; neither replaces the other.
    config.consume_fuel(true).epoch_interruption(true);
    // Guests are synchronous; the machinery for others more than doubles the cost of a call.
    config.concurrency_support(false);
    config.wasm_features(WasmFeatures::all() & !features(), false);
    config.wasm_features(features(), true);
    config.cranelift_nan_canonicalization(true); // the same call gives the same bits
    // Host functions have the difference; running out of it aborts the process.
    config.max_wasm_stack(512 << 10).async_stack_size(2 << 20);
    config.async_stack_zeroing(true);
    config.memory_guaranteed_dense_image_size(64 << 20); // interpreters start from large images
    if pooled {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, concurrency)));
    }
    config
}

fn pool(limits: &Limits, concurrency: u32) -> PoolingAllocationConfig {
    let largest = limits.of(Class::Interpreted);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(concurrency)
        // As many as all calls together can have: what one plugin takes is never missing elsewhere. Slots that
        // nobody uses cost addresses, not memory.
        .total_core_instances(concurrency * CORE_INSTANCES)
        .total_memories(concurrency * MEMORIES)
        .total_tables(concurrency * TABLES)
        .total_stacks(concurrency)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(largest.memory.max(SLOT_MEMORY))
        .table_elements(largest.table_elements)
        // Where the kernel tells which pages were written, those are cleared: no page is given back, and faulted in
        // again by the next call.
        .pagemap_scan(Enabled::Auto)
        // What a call typically dirties; more costs more to clear than to fault in again.
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(32 << 10)
        .max_unused_warm_slots((concurrency / 4).max(1))
        .decommit_batch_size(8);
    pool
}
