//! The answers of the daemon, in words.

use std::path::Path;

use indicatif::{HumanBytes, HumanCount};

use stele_trust::time::Time;

use stele::answers::{Added, Collected, Counts, Info, Mount, Rebuilt, Root, Status, Verified, What};
use stele::keep::{PastAnswer, UsageAnswer};

fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

/// `n things`, with the right plural.
fn some(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Summary of an import, for stderr.
pub fn added(path: &Path, it: &Added) -> String {
    let kept = match (&it.root, it.leased_until) {
        (Some(root), _) => format!("kept by root {root}"),
        (None, Some(until)) => {
            let minutes = until.saturating_sub(stele_store::now()).div_ceil(60);
            format!(
                "kept for {}; `stele store root add NAME REF` keeps it permanently",
                some(minutes, "minute")
            )
        }
        (None, None) => "not kept: the next garbage collection removes it".to_owned(),
    };
    let (blobs, new) = (some(it.blobs, "file"), HumanCount(it.new_blobs));
    format!("{}: {blobs}, {}; {new} new, {}; {kept}", path.display(), bytes(it.bytes), bytes(it.new_bytes))
}

pub fn info(info: &Info) -> String {
    let kind = if info.kind == What::Tree { "tree" } else { "blob" };
    let mut lines = vec![("kind", kind.to_owned()), ("digest", info.digest.to_string())];
    lines.push(("size", format!("{} ({} bytes)", bytes(info.size), info.size)));
    lines.extend(info.sha256.map(|it| ("sha256", it.to_string())));
    lines.extend(info.placement.clone().map(|it| ("placement", it)));
    lines.extend(info.file.clone().map(|it| ("file", it)));
    lines.extend(info.entries.map(|it| ("entries", it.to_string())));
    if let Some(closure) = info.closure {
        let (trees, blobs) = (some(closure.trees, "tree"), some(closure.blobs, "blob"));
        lines.push(("closure", format!("{trees}, {blobs}, {}", bytes(closure.bytes))));
    }
    lines.push(("roots", if info.roots.is_empty() { "none".to_owned() } else { info.roots.join(" ") }));
    lines.iter().map(|(name, value)| format!("{name:10}{value}\n")).collect()
}

pub fn roots(roots: &[Root], long: bool) -> String {
    let kind = |root: &Root| if root.kind == What::Tree { 'd' } else { 'f' };
    let made = |root: &Root| if long { format!("{}  ", date(root.created)) } else { String::new() };
    let line = |root: &Root| format!("{} {} {}{}\n", kind(root), root.digest, made(root), root.name);
    roots.iter().map(line).collect()
}

/// What roots were, the last change first.
pub fn past_roots(past: &[PastAnswer]) -> String {
    let line = |it: &PastAnswer| {
        let gone = if it.there { "" } else { "  (garbage-collected)" };
        format!("{}  {:.16}  {}{gone}\n", date(it.until), it.digest.to_string(), it.name)
    };
    past.iter().map(line).collect()
}

/// The largest first.
pub fn usage(usage: &[UsageAnswer]) -> String {
    let mut usage: Vec<&UsageAnswer> = usage.iter().collect();
    usage.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    let line =
        |it: &&UsageAnswer| format!("{:>12}  {:>12}  {}\n", bytes(it.bytes), bytes(it.own_bytes), it.name);
    usage.iter().map(line).collect()
}

/// A time in seconds since 1970, in UTC.
fn date(seconds: u64) -> String {
    i64::try_from(seconds).map_or_else(|_| seconds.to_string(), |seconds| Time(seconds).to_string())
}

pub fn collected(collected: &Collected) -> String {
    let it = &collected.counts;
    let verb = if collected.dry_run { "would remove" } else { "removed" };
    let (trees, blobs) = (some(it.removed_trees, "tree"), some(it.removed_blobs, "blob"));
    let mut text: String =
        collected.released.iter().map(|root| format!("{verb} the root {root}\n")).collect();
    text += &format!("{verb} {trees} and {blobs}, {}\n", bytes(it.removed_bytes));
    if it.removed_strays > 0 {
        text += &format!("{verb} {} that the database does not list\n", some(it.removed_strays, "file"));
    }
    for recipe in &collected.failed_builds {
        text += &format!("{verb} the folder of the failed build of {recipe}\n");
    }
    if collected.downloads > 0 {
        let downloads = some(collected.downloads, "unfinished download");
        text += &format!("{verb} {downloads}, {}\n", bytes(collected.download_bytes));
    }
    if it.freed_bytes > 0 {
        text += &format!("the disk got back {}\n", bytes(it.freed_bytes));
    }
    let (trees, blobs) = (some(it.live_trees, "tree"), some(it.live_blobs, "blob"));
    text += &format!("kept {trees} and {blobs}, {}\n", bytes(it.live_bytes));
    if it.leased_bytes > 0 {
        let (leases, held) = (some(it.leases, "lease"), bytes(it.leased_bytes));
        text += &format!("of those, {held} are kept only by {leases}; --end-leases ends temporary leases\n");
    }
    text
}

pub fn verified(it: &Verified) -> String {
    let (trees, blobs) = (some(it.trees, "tree"), some(it.blobs, "blob"));
    let mut text = format!("verified {trees} and {blobs}, {}\n", bytes(it.bytes));
    for finding in &it.findings {
        let kind = if finding.kind == What::Tree { "tree" } else { "blob" };
        text += &format!("{kind} {}: {}\n", finding.digest, finding.problem);
        if let Some(path) = &finding.moved_to {
            text += &format!("  moved to {path}\n");
        }
        for place in &finding.used_by {
            text += &format!("  used by {place}\n");
        }
    }
    if it.counts_corrected {
        text += "the counts of `store stats` were wrong, and are right now\n";
    }
    match it.findings.len() as u64 {
        0 => text += "all content matches its digest\n",
        n => {
            text += &format!("{} found; storing the same content again repairs a blob\n", some(n, "problem"));
        }
    }
    text
}

pub fn counts(it: &Counts) -> String {
    let blobs = it.inline_blobs + it.file_blobs;
    let mut text = format!("store         {}\n", it.store);
    text += &format!("roots         {}, and {}\n", it.roots, some(it.leases, "lease"));
    text += &format!("trees         {}, {}\n", HumanCount(it.trees), bytes(it.tree_bytes));
    text += &format!("blobs         {}, {}\n", HumanCount(blobs), bytes(it.inline_bytes + it.file_bytes));
    text += &format!("  in database {}, {}\n", HumanCount(it.inline_blobs), bytes(it.inline_bytes));
    text += &format!("  in files    {}, {}\n", HumanCount(it.file_blobs), bytes(it.file_bytes));
    if it.cached_blobs > 0 {
        text += &format!("  cached      {}, {}\n", HumanCount(it.cached_blobs), bytes(it.cached_bytes));
    }
    if it.quarantined_blobs > 0 {
        text += &format!("  quarantined {}\n", HumanCount(it.quarantined_blobs));
    }
    text += &format!("on disk       {}\n", bytes(it.disk_bytes));
    text += &format!("added         {} in all, ", bytes(it.added_bytes));
    text += &format!("{} of it deduplicated\n", bytes(it.deduplicated_bytes));
    text
}

pub fn status(it: &Status) -> String {
    if !it.running {
        return format!("no daemon runs for {}; the next command starts one\n", it.store);
    }
    let version = it.version.as_deref().unwrap_or("unknown");
    let mut text = format!("a daemon of stele {version} serves {}\n", it.store);
    text += &format!("process       {}\n", it.pid.unwrap_or(0));
    if let (Some(up), Some(idle)) = (it.up_seconds, it.idle_seconds) {
        text += &format!("up            {up} s\nidle limit    {idle} s\n");
    }
    if let Some(mounts) = it.mounts {
        text += &format!("mounts        {mounts}\n");
    }
    text + &format!("working on    {}\n", some(it.working.unwrap_or(0), "request"))
}

pub fn mounts(mounts: &[Mount]) -> String {
    let line = |it: &Mount| {
        // Without passthrough the kernel opens files without a request.
        let reads = match it.passthrough {
            true => format!("passthrough, {}", some(it.open_files, "open file")),
            false => "checked".to_owned(),
        };
        format!("{}  {reads}, {}\n", it.path, some(it.known_nodes, "cached node"))
    };
    mounts.iter().map(line).collect()
}

pub fn rebuilt(it: &Rebuilt) -> String {
    let mut text = format!("recovered {}, ", some(it.files, "payload file"));
    text += &format!("{} and {}\n", some(it.inline_blobs, "small blob"), some(it.trees, "tree"));
    if it.quarantined > 0 {
        text += &format!("{} were corrupt and moved to quarantine\n", some(it.quarantined, "payload file"));
    }
    if it.incomplete_trees > 0 {
        text += &format!("dropped {}: each has lost content\n", some(it.incomplete_trees, "tree"));
    }
    text += &format!("restored {}\n", some(it.roots, "root"));
    for root in &it.lost_roots {
        text += &format!("root {} is lost for now: {} is incomplete\n", root.name, root.digest);
    }
    if !it.lost_roots.is_empty() {
        text += "importing the same content again, or another rebuild with --from, restores such a root\n";
    }
    for path in &it.old_database {
        text += &format!("the old database could only be read in part; it is kept in {path}\n");
    }
    text
}
