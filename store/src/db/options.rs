//! RocksDB's settings, each with its reason.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, LogLevel, LruCacheOptions, Options,
};

use super::Family;

/// The cache of blocks, indexes and filters that all column families share, in bytes.
const BLOCK_CACHE: usize = 64 << 20;

/// The logarithm of the number of its parts. By default there are 64, each of 1 MiB: the filter of a table with a
/// million rows fits in none, and would be read for each row that is looked for.
const CACHE_PARTS: i32 = 2;

/// The largest log, in bytes, on a disk that has room for it.
pub(super) const MAX_LOG: u64 = 16 << 20;

/// Options of the whole database. A log larger than `log` bytes is flushed.
pub(super) fn database(log: u64) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // Two threads suffice for flush and compaction, and leave an import the processor.
    options.set_max_background_jobs(2);
    // Begin the write-back early, so that the sync at the end of an import has little left to do.
    options.set_bytes_per_sync(1 << 20);
    options.set_wal_bytes_per_sync(1 << 20);
    // A write-ahead log larger than this is flushed. It bounds the start after a kill, and the space that
    // RocksDB reserves for the log: by default as much as the largest write buffer, which is a lot for a
    // small disk.
    options.set_max_total_wal_size(log);
    // Of its list of tables it would reserve 4 MiB, which on a small disk is much.
    options.set_manifest_preallocation_size(64 << 10);
    // The folder must not fill with RocksDB's own chatter.
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_log_level(LogLevel::Warn);
    // A table file takes a descriptor; a store of a million small files has some hundred tables.
    options.set_max_open_files(512);
    options
}

/// Every column family with its options.
pub(super) fn families() -> Vec<ColumnFamilyDescriptor> {
    let mut shape = LruCacheOptions::default();
    shape.set_capacity(BLOCK_CACHE);
    shape.set_num_shard_bits(CACHE_PARTS);
    let cache = Cache::new_lru_cache_opts(&shape);
    Family::ALL.iter().map(|family| ColumnFamilyDescriptor::new(family.name(), of(*family, &cache))).collect()
}

/// Options of a table of small blobs that is not of the database yet.
pub(super) fn table() -> Options {
    of(Family::Inline, &Cache::new_lru_cache(1 << 20))
}

fn of(family: Family, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    // Bounds the memory at a million files: filters and indexes are cached like blocks, not held forever.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Imports look up every file: a filter answers most look-ups without a read.
    table.set_bloom_filter(10.0, false);
    table.set_format_version(5);
    let mut options = Options::default();
    match family {
        Family::Inline => {
            options.set_write_buffer_size(64 << 20);
            options.set_max_write_buffer_number(3);
            // Compaction temporarily doubles the tables' space: it is enabled once the disk is known to have
            // that.
            options.set_disable_auto_compactions(true);
            options.set_compression_type(DBCompressionType::Lz4);
            table.set_block_size(16 << 10);
        }
        Family::Tree => {
            // Digests in hexadecimal: any compressor halves them.
            options.set_write_buffer_size(16 << 20);
            options.set_compression_type(DBCompressionType::Lz4);
            options.set_bottommost_compression_type(DBCompressionType::Zstd);
        }
        // Rows of random bytes: compressing them costs time and saves nothing.
        Family::Blob | Family::Sha256 => {
            options.set_write_buffer_size(16 << 20);
            options.set_compression_type(DBCompressionType::None);
        }
        _ => options.set_write_buffer_size(1 << 20),
    }
    options.set_block_based_table_factory(&table);
    options
}
