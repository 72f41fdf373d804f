//! The register: a log that was put back to an older state, or whose last group is not there as it was answered for,
//! signs nothing.

use super::*;

fn with_register(dir: &Path) -> LogOptions {
    LogOptions { register: Some(dir.join("kept apart/register")), segment_bytes: 700, ..LogOptions::default() }
}

fn open_registered(dir: &Path) -> Log {
    Log::open(&dir.join("log"), ORIGIN, key(), with_register(dir)).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).ok();
    fs::create_dir_all(to).unwrap();
    for file in from.read_dir().unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[track_caller]
fn signs_nothing(log: &Log, because: &str) {
    let why = log.read_only().expect("the log is to be read only").to_owned();
    assert!(why.contains(because), "{why}");
    let before = log.checkpoint();
    assert!(matches!(log.blocking_append(entries(0..1)), Err(LogError::ReadOnly { .. })));
    assert_eq!((log.checkpoint(), log.entries(0..log.size(), 100).unwrap()), (before, entries(0..log.size())));
}

#[test]
fn a_restored_old_copy_does_not_sign() {
    let dir = tempfile::tempdir().unwrap();
    let (log, old) = (dir.path().join("log"), dir.path().join("old"));
    for size in 1..=6 {
        let opened = open_registered(dir.path());
        opened.blocking_append(entries(size - 1..size)).unwrap();
        drop(opened);
        if size == 3 {
            copy(&log, &old);
        }
    }
    let newest = dir.path().join("newest");
    copy(&log, &newest);
    copy(&old, &log);
    let opened = open_registered(dir.path());
    assert_eq!(opened.size(), 3);
    signs_nothing(&opened, "has 3 whole entries");
    drop(opened);
    // The newest copy goes on.
    copy(&newest, &log);
    open_registered(dir.path()).blocking_append(entries(6..7)).unwrap();
    // Nothing at all is the oldest copy.
    fs::remove_dir_all(&log).unwrap();
    let opened = Log::open(&log, ORIGIN, key(), with_register(dir.path()));
    assert!(matches!(&opened, Err(LogError::ReadOnly { why }) if why.contains("7 were answered for")), "{opened:?}");
}

#[test]
fn another_history_of_the_same_length_does_not_sign() {
    let dir = tempfile::tempdir().unwrap();
    let (log, other) = (dir.path().join("log"), dir.path().join("other"));
    open_registered(dir.path()).blocking_append(entries(0..3)).unwrap();
    Log::open(&other, ORIGIN, key(), LogOptions::default()).unwrap().blocking_append(entries(5..9)).unwrap();
    copy(&other, &log);
    let opened = open_registered(dir.path());
    let why = opened.read_only().unwrap();
    assert!(why.contains("the 3 first entries") && why.contains("sign a second history"), "{why}");
}

/// Opens a log with its register gone, or garbled in some ways, and shows what was opened each time.
fn unregistered(dir: &Path, shown: impl Fn(&str, Result<Log, LogError>)) {
    let path = with_register(dir).register.unwrap();
    let good = fs::read(&path).unwrap();
    let garbled: Vec<u8> = good.iter().map(|byte| byte ^ 0x40).collect();
    for (what, bytes) in
        [("garbled", garbled), ("empty", Vec::new()), ("zeros", vec![0; good.len()]), ("cut off", good[..60].to_vec())]
    {
        fs::write(&path, &bytes).unwrap();
        shown(what, Log::open(&dir.join("log"), ORIGIN, key(), with_register(dir)));
        assert_eq!(fs::read(&path).unwrap(), bytes, "{what}: the register was written to");
    }
    fs::remove_file(&path).unwrap();
    shown("missing", Log::open(&dir.join("log"), ORIGIN, key(), with_register(dir)));
    assert!(!path.exists(), "a register was made where something was answered for");
    fs::write(&path, good).unwrap();
}

#[test]
fn a_log_whose_register_is_missing_or_garbled_signs_nothing_until_it_is_renewed() {
    // What only the empty checkpoint was signed for, too: it may be a copy of the past.
    for size in [0, 3] {
        let dir = tempfile::tempdir().unwrap();
        let log = open_registered(dir.path());
        if size > 0 {
            log.blocking_append(entries(0..size)).unwrap();
        }
        drop(log);
        unregistered(dir.path(), |what, opened| {
            let because = if what == "missing" { "is missing" } else { "cannot be read" };
            let opened = opened.unwrap();
            assert_eq!(opened.size(), size, "{what}");
            signs_nothing(&opened, because);
            signs_nothing(&opened, "register renew");
        });
        fs::remove_dir_all(dir.path().join("kept apart")).unwrap();
        signs_nothing(&open_registered(dir.path()), "is missing");
        let opened = open_registered(dir.path());
        let note = opened.checkpoint();
        drop(opened);
        let answered = Answered { size, root: note.unverified().root };
        Register::open(&with_register(dir.path()).register.unwrap(), ORIGIN).unwrap().renew(answered).unwrap();
        assert_eq!(open_registered(dir.path()).blocking_append(entries(size..size + 1)).unwrap().first, size);
    }
}

#[test]
fn a_garbled_folder_is_not_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    open_registered(dir.path()).blocking_append(entries(0..3)).unwrap();
    let segment = segment_path(&dir.path().join("log"), 0);
    let garbled: Vec<u8> = fs::read(&segment).unwrap().iter().map(|byte| byte ^ 0x40).collect();
    fs::write(&segment, &garbled).unwrap();
    let refused = |opened: Result<Log, LogError>| {
        assert!(matches!(opened, Err(LogError::Damaged { .. } | LogError::ReadOnly { .. })), "{opened:?}");
        assert!(fs::read(&segment).unwrap() == garbled, "a damaged log was modified");
    };
    refused(Log::open(&dir.path().join("log"), ORIGIN, key(), with_register(dir.path())));
    unregistered(dir.path(), |_, opened| refused(opened));
}

#[test]
fn a_garbled_register_of_a_log_that_is_gone_is_not_one_that_was_never_written() {
    let dir = tempfile::tempdir().unwrap();
    open_registered(dir.path()).blocking_append(entries(0..3)).unwrap();
    let log = dir.path().join("log");
    fs::remove_dir_all(&log).unwrap();
    let path = with_register(dir.path()).register.unwrap();
    fs::write(&path, vec![0; 8_192]).unwrap();
    let opened = Log::open(&log, ORIGIN, key(), with_register(dir.path()));
    assert!(matches!(&opened, Err(LogError::ReadOnly { why }) if why.contains("cannot be read")), "{opened:?}");
}

#[test]
fn a_register_with_a_torn_slot_is_believed_if_the_log_has_what_was_being_registered() {
    let dir = tempfile::tempdir().unwrap();
    let (log, old) = (dir.path().join("log"), dir.path().join("old"));
    // The register was begun in its first slot: 2 entries are in the second, 4 in the first.
    open_registered(dir.path()).blocking_append(entries(0..2)).unwrap();
    copy(&log, &old);
    open_registered(dir.path()).blocking_append(entries(2..4)).unwrap();
    let path = with_register(dir.path()).register.unwrap();
    let mut torn = fs::read(&path).unwrap();
    torn[60] ^= 1;
    let newest = dir.path().join("newest");
    copy(&log, &newest);
    fs::write(&path, &torn).unwrap();
    assert_eq!(open_registered(dir.path()).read_only(), None);
    // The same slot in the same way, and the log does not have it: it is a copy of the past.
    copy(&old, &log);
    fs::write(&path, &torn).unwrap();
    let opened = open_registered(dir.path());
    assert_eq!(opened.size(), 2);
    signs_nothing(&opened, "was written for more");
    drop(opened);
    copy(&newest, &log);
    assert_eq!(open_registered(dir.path()).blocking_append(entries(4..5)).unwrap().first, 4);
}

#[test]
fn the_register_is_there_before_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_register(dir.path()).register.unwrap();
    // As a crash leaves it: the register, and nothing yet; or a segment that was not written whole.
    let mut register = Register::open(&path, ORIGIN).unwrap();
    register.begin().unwrap();
    drop(register);
    assert_eq!(open_registered(dir.path()).size(), 0);
    let segment = segment_path(&dir.path().join("log"), 0);
    for length in [0, 30, 56, 100] {
        let mut torn = recovery::segment_bytes(&dir.path().join("log"), 0);
        torn.truncate(length);
        fs::write(&segment, &torn).unwrap();
        assert_eq!(open_registered(dir.path()).read_only(), None, "{length} bytes");
    }
    assert_eq!(open_registered(dir.path()).blocking_append(entries(0..1)).unwrap().first, 0);
}

#[test]
fn two_logs_do_not_share_a_register() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_registered(dir.path());
    log.blocking_append(entries(0..2)).unwrap();
    copy(&dir.path().join("log"), &dir.path().join("copy"));
    let second = Log::open(&dir.path().join("copy"), ORIGIN, key(), with_register(dir.path()));
    assert!(matches!(second, Err(LogError::RegisterInUse { .. })), "{second:?}");
}

#[test]
fn a_last_group_that_was_answered_for_is_never_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_registered(dir.path());
    log.blocking_append(entries(0..2)).unwrap();
    log.blocking_append(entries(2..4)).unwrap();
    drop(log);
    let path = segment_path(&dir.path().join("log"), 0);
    let good = recovery::segment_bytes(&dir.path().join("log"), 0);
    let start = recovery::commits(&good)[1].1;
    for position in (start..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(&path, &bad).unwrap();
        let opened = open_registered(dir.path());
        assert_eq!(opened.size(), 2, "byte {position}");
        signs_nothing(&opened, "says that 4 were answered for");
        drop(opened);
        assert!(fs::read(&path).unwrap() == bad, "a damaged log was modified");
    }
}

#[test]
fn a_last_group_without_its_middle_is_cut_off_only_if_the_register_shows_that_nobody_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (log, register) = (dir.path().join("log"), with_register(dir.path()).register.unwrap());
    let opened = open_registered(dir.path());
    opened.blocking_append(entries(0..2)).unwrap();
    drop(opened);
    let before = fs::read(&register).unwrap();
    open_registered(dir.path()).blocking_append(entries(2..4)).unwrap();
    let mut torn = recovery::segment_bytes(&log, 0);
    let at = recovery::commits(&torn)[1].1 + 30;
    torn[at] ^= 1;
    fs::write(segment_path(&log, 0), &torn).unwrap();
    // Nobody knows.
    let opened = Log::open(&log, ORIGIN, key(), LogOptions::default()).unwrap();
    signs_nothing(&opened, "a signed commit to 4 entries follows");
    drop(opened);
    // The power went before the register was written: nobody was answered.
    fs::write(&register, before).unwrap();
    let opened = open_registered(dir.path());
    assert_eq!((opened.size(), opened.read_only()), (2, None));
    assert_eq!(opened.blocking_append(entries(2..3)).unwrap().first, 2);
}

#[test]
fn whoever_learns_of_a_later_checkpoint_can_stop_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.blocking_append(entries(0..2)).unwrap();
    log.refuse_writes("a witness countersigned 9 entries");
    log.refuse_writes("a second reason");
    signs_nothing(&log, "a witness countersigned 9 entries");
    drop(log);
    open(dir.path()).blocking_append(entries(2..3)).unwrap();
}
