//! An Apple export of any size is read in little memory.
//!
//! The peak is that of a process of its own (`VmHWM`), which is this test's program once more. By default the export has 64 MB;
//! `NACRE_CAMPAIGN=full` makes it 500 MB.

use std::{
    io::{BufWriter, Write as _},
    process::Command,
};

use super::*;
use crate::{PersonId, Unnamed};

/// Names the folder that the child reads.
const CHILD: &str = "NACRE_TEST_MEMORY_OF";

/// The most that reading may take, in kB, however large the export is.
const PEAK_KB: u64 = 200_000;

/// Writes an export of about that many bytes, as a watch makes it: mostly pulse and steps, some weights; gives the number of
/// pulses.
fn write(path: &Path, bytes: u64) -> u64 {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    let mut written = 0;
    let mut put = |text: String| {
        written += text.len() as u64;
        file.write_all(text.as_bytes()).unwrap();
        written
    };
    put(
        "<?xml version=\"1.0\"?>\n<HealthData locale=\"en_HK\">\n <ExportDate value=\"2026-02-01 00:00:00 +0800\"/>\n \
         <Me HKCharacteristicTypeIdentifierDateOfBirth=\"1980-02-29\"/>\n"
            .to_owned(),
    );
    let start = "2016-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second();
    // So that the records fill ten years, whatever the size.
    let step = 10 * 365 * 86_400 / (bytes as i64 / 440).max(1);
    let (mut at, mut pulses) = (start, 0);
    loop {
        let time = Timestamp::from_second(at).unwrap().to_string();
        let time = format!("{} {} +0000", &time[..10], &time[11..19]);
        let (kind, unit, value) = match pulses % 8 {
            7 => ("StepCount", "count", at % 90),
            _ => ("HeartRate", "count/min", 50 + at % 120),
        };
        let weight = if pulses % 5_000 == 0 { "BodyMass" } else { kind };
        let (unit, value) = if weight == "BodyMass" { ("kg", 70) } else { (unit, value) };
        let size = put(format!(
            " <Record type=\"HKQuantityTypeIdentifier{weight}\" sourceName=\"Someone’s Apple Watch\" sourceVersion=\"10.1\" \
             device=\"&lt;&lt;HKDevice: 0x28{at:x}&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, \
             hardware:Watch6,2, software:10.1&gt;\" unit=\"{unit}\" creationDate=\"{time}\" startDate=\"{time}\" \
             endDate=\"{time}\" value=\"{value}\">\n  <MetadataEntry key=\"HKMetadataKeyHeartRateMotionContext\" value=\"0\"/>\n </Record>\n"
        ));
        pulses += 1;
        at += step;
        if size >= bytes {
            break;
        }
    }
    put("</HealthData>\n".to_owned());
    file.flush().unwrap();
    pulses
}

/// Reads what the environment names, and says how much it came to and took; without it, nothing.
#[test]
fn the_child_reads_what_it_is_told_to() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let folder = PathBuf::from(folder);
    let unnamed = Unnamed { person: Some(PersonId::new("A").unwrap()), ..Unnamed::default() };
    let settings = Settings { unnamed, ..settings() };
    let prepared = prepare(&settings, std::slice::from_ref(&folder), "2026-03-15T00:00:00Z".parse().unwrap()).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let readings: u64 = prepared.readings.values().sum();
    println!("\nread: {readings} {} {} {peak}", prepared.records.len(), prepared.refused.len());
}

#[cfg(target_os = "linux")]
#[test]
fn an_apple_export_of_any_size_is_read_in_little_memory() {
    let is_full = std::env::var("NACRE_CAMPAIGN").is_ok_and(|campaign| campaign == "full");
    let bytes = if is_full { 500 << 20 } else { 64 << 20 };
    let folder = tempfile::tempdir().unwrap();
    let records = write(&folder.path().join("export.xml"), bytes);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "tests::memory::the_child_reads_what_it_is_told_to"])
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    let output = String::from_utf8(child.stdout).unwrap();
    let line = output.lines().find_map(|line| line.strip_prefix("read: ")).unwrap();
    println!("{records} records, {bytes} bytes: readings, months, refusals, peak: {line}");
    let mut figures = line.split(' ');
    let mut next = || figures.next().unwrap().parse::<u64>().unwrap();
    let (readings, months, refused, peak) = (next(), next(), next(), next());
    // Steps of a day are one reading.
    assert!(readings > records * 3 / 4 && readings < records, "{line}");
    assert!(months >= 2 * 119 && refused == 0, "{line}");
    assert!(peak < PEAK_KB, "{peak} kB");
}
