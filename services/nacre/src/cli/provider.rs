//! `nacre provider`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nacre_schemas::{Digest, grant::Purpose, id::MemberId};

/// `nacre provider`.
#[derive(Subcommand)]
pub enum ProviderCommand {
    /// Read records, de-identify, seal, prove and post them. Posting the same files again adds nothing.
    ///
    /// A folder stands for the files in it and in its folders. Each file is read by its name's ending:
    ///
    ///   .json, .ndjson, .ndjson.gz  FHIR R4 (a Bundle, one resource, an array, or one a line), of which give patients and
    ///                               observations together; Open mHealth and IEEE 1752.1 data points with their headers
    ///   .fit                        Garmin FIT: scales, cuffs, monitoring, resting pulse, oxygen uptake
    ///   .xml, .zip                  Apple Health's export, of any size, or the archive it comes in
    ///   .csv                        tables, by a description of their columns: see --table
    ///
    /// Before anything is sealed the exchange is asked for its time and for the admission: if the clocks differ by more than five
    /// minutes, or the admission is of other keys, another chain or role, nothing is sealed, and what to set is said. An exchange that
    /// is away holds up sending alone. The data folder is of one member, chain and network, and opens for no other.
    ///
    /// Ends with status 1 if anything was refused, now or by the exchange before, is still queued, or belongs to a record that was
    /// erased: that is gone for good, and neither it nor a correction of it is posted.
    ///
    /// FIT and Apple Health do not say whose a file is: give --person if all are of one, or set `people = "folder"` under
    /// `[unnamed]` in provider.toml and lay each person's files into a folder that is named by the person's identifier.
    ///
    /// Data points, FIT files and tables say neither sex nor birth date: give a register of people, `people = "people.csv"` in
    /// provider.toml, with the columns id, sex, birth-date and, if wanted, region (GB/T 2260) and identity-number. Its ids
    /// are those that the records name people by: user_id, or the FHIR identifier of person-system. A line that is not as
    /// it should be is named, and nothing is posted.
    ///
    /// The exchange knows people by pseudonyms: under a key of the provider's own, or, with `[pseudonyms]` in provider.toml,
    /// by identity number from a month on, as all providers do that ask the custodians. Records whose people could not be
    /// named yet, because too few custodians answered or the day's number is used up, wait for the next run.
    ///
    /// Example: nacre provider post provider.toml exports/
    #[command(verbatim_doc_comment)]
    Post {
        /// provider.toml
        config: PathBuf,
        /// Files or folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// What files leave open.
        #[command(flatten)]
        reading: ReadingArgs,
    },
    /// Show what posting would send, and send nothing: for each record what the exchange would see (header, cell, pseudonym,
    /// the lengths of what is encrypted) and, marked, the value, which stays inside encryption.
    ///
    /// The same files are read as by `post`, by the same rules, with the same refusals. `--json` lists every record.
    ///
    /// Example: nacre provider preview provider.toml exports/ --json > preview.json
    Preview {
        /// provider.toml
        config: PathBuf,
        /// Files or folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// What files leave open.
        #[command(flatten)]
        reading: ReadingArgs,
    },
    /// Post what lies in folders, and what comes into them, until interrupted or terminated.
    ///
    /// A file is posted once it has not changed for a while; a program that writes slowly gives it another ending first (such
    /// as .part) and renames it. Nothing is moved or removed. Whenever a file has come or changed, or a month has ended, all
    /// files are read, since a month's value needs all of its readings; what was posted is not posted again. So move away
    /// what is older than you still get records for. What was done is remembered beside the outbox, over restarts.
    ///
    /// With --json each run prints one JSON value.
    ///
    /// Example: nacre provider watch provider.toml incoming/
    Watch {
        /// provider.toml
        config: PathBuf,
        /// Folders.
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// How often to look, in seconds.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        every: u64,
        /// How long a file must not change before it is posted, in seconds.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
        settle: u64,
        /// What files leave open.
        #[command(flatten)]
        reading: ReadingArgs,
    },
    /// Run the FHIR gateway: systems in your own network post FHIR R4 to it as it comes; when a month closes it is reduced,
    /// sealed and posted.
    ///
    /// POST a transaction or batch Bundle to /, or Patient and Observation to /Patient and /Observation; GET /metadata says
    /// what there is. What is answered 200 or 201 is on disk, encrypted, and ends in one record, however often it is sent.
    /// `[gateway]` in provider.toml says where it listens (127.0.0.1:8480 if it says nothing), who may post (`token`, `tls` with
    /// `client-ca`), and how long a month stays open (`grace-days` after its end, `quiet-hours` after its last change).
    ///
    /// Needs no other `nacre provider post` from the same data folder while it runs. docs/install.md goes through it.
    Serve {
        /// provider.toml
        config: PathBuf,
    },
    /// Say what serving would do and what is lacking, without serving: files, keys, addresses, certificate, disk. Ends with
    /// status 0 if nothing is lacking.
    Check {
        /// provider.toml
        config: PathBuf,
    },
    /// Say where everything stands: months that wait, records queued, posted, sealed and refused, what is set aside and why,
    /// the last error and the next attempt, and by how much the clock is off. May be asked while the gateway runs. Ends with status 1 if
    /// anything is set aside, or if the clock keeps months from closing.
    Status {
        /// provider.toml
        config: PathBuf,
    },
    /// List the receipts that the chain gave.
    Receipts {
        /// provider.toml
        config: PathBuf,
    },
    /// Destroy a posted record: its openings, its payload and the payload's key, at the exchange, at the full witnesses and
    /// here. What was published before still verifies: the chain keeps the commitments, which tell nothing. The source in
    /// your own system is yours to delete, and while it is there `post` says so: the record's id is taken for good, so no correction
    /// of it can be posted.
    ///
    /// Example: nacre provider erase provider.toml 5f0c…e1 (`nacre provider receipts` lists the records)
    Erase {
        /// provider.toml
        config: PathBuf,
        /// The records, by id: 64 hex digits each.
        #[arg(required = true)]
        records: Vec<Digest>,
    },
    /// Let another provider read posted records: name them, or give the patient's FHIR Consent.
    ///
    /// The key of each record's payload is encrypted to that provider's SM2 key, and the grant is logged on the record's chain.
    /// The exchange hands the record to that provider alone, until then alone, and logs each access. On the same terms a record
    /// is granted once, however often this is run.
    ///
    /// A Consent (R4; a file of one, or a Bundle with its Patient) grants what it permits of that patient's posted records, and
    /// revokes what it permitted before and does not any more: run it again whenever the Consent has changed, and when more of
    /// the patient's months were posted. One that narrows what it permits in a way that is not understood is not followed.
    /// What it leaves open --to, --purpose and --until say. docs/grants.md lists what is read of it.
    ///
    /// Example: nacre provider grant provider.toml 5f0c…e1 --to hospital-810000 --until 2027-03-31 --purpose TREAT
    ///
    /// Example: nacre provider grant provider.toml --consent consent.json
    Grant(GrantArgs),
    /// Revoke grants: the exchange destroys the key and hands the record over no more. What was read stays read.
    ///
    /// Example: nacre provider revoke provider.toml 0a7d…42 (`nacre provider grants` lists the grants)
    Revoke {
        /// provider.toml
        config: PathBuf,
        /// The grants, by name: 64 hex digits each.
        #[arg(required = true)]
        grants: Vec<Digest>,
    },
    /// List the grants that were given from here and to here, with their state and how often they were used.
    Grants {
        /// provider.toml
        config: PathBuf,
    },
    /// Read records that others granted. Each access is logged on the record's chain, under your signature, before the record is
    /// handed over; what is handed over is checked against the chain, and decrypted here.
    ///
    /// The chains must be in `exchanges` of provider.toml. The records are printed in the clear, so mind where the output goes.
    ///
    /// Example: nacre provider fetch provider.toml 0a7d…42 --json > granted.json
    Fetch {
        /// provider.toml
        config: PathBuf,
        /// The grants, by name: 64 hex digits each. All that are in force, if none is given.
        grants: Vec<Digest>,
    },
}

/// `nacre provider grant`.
#[derive(Args)]
pub struct GrantArgs {
    /// provider.toml
    pub config: PathBuf,
    /// The records, by id: 64 hex digits each.
    #[arg(
        required_unless_present = "consent",
        conflicts_with = "consent",
        requires = "to",
        requires = "until",
        requires = "purpose"
    )]
    pub records: Vec<Digest>,
    /// A FHIR Consent, or a Bundle that holds some: JSON.
    #[arg(long, value_name = "FILE")]
    pub consent: Option<PathBuf>,
    /// Who may read them: a provider, by the name it was admitted under.
    #[arg(long, value_name = "MEMBER")]
    pub to: Option<MemberId>,
    /// Until when: a day, which is included, or a time with an offset from UTC; ten years ahead at most. With --consent, the
    /// earlier of this and the Consent's own end.
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// For what: TREAT, ETREAT, CAREMGT, PATRQT, HRESCH, PUBHLTH, HOPERAT or HPAYMT (HL7 v3 ActReason).
    #[arg(long)]
    pub purpose: Option<Purpose>,
}

/// What files leave open.
#[derive(Args)]
pub struct ReadingArgs {
    /// The person whom all FIT and Apple Health files are of, by the same identifier as in the register. Others on this
    /// machine can see what a command was given; `[unnamed]` in provider.toml keeps identifiers out of it.
    #[arg(long, value_name = "ID")]
    pub person: Option<String>,
    /// What the columns of CSV files are, in TOML: `person` and `time` name columns, and so do either `value`, `measure` and
    /// `unit` under `[row]`, for one value a line, or each `[[column]]` with its name, measure and unit, for several.
    /// docs/formats.md has examples. Instead of `table` in provider.toml.
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
}
