//! One run: plan, name people, seal, send; and where the exchange blames one record of a batch, seal the others anew.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use jiff::Timestamp;
use nacre_access::client::Client;
use nacre_reading::{Prepared, Progress, Reason, Refused, Stage, prepare_with};
use nacre_schemas::{Digest, batch::Batch, contribution::Contribution, limits, problem::Problem};
use nacre_wire::{body::Encoded, exchange::OPEN_PERIOD};
use rayon::prelude::*;
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
};

use super::{
    PostError, agreement,
    deliver::{Delivery, MAX_IN_FLIGHT, deliver},
};
use crate::{
    outbox::{Outbox, OutboxError, record::Plan},
    pseudonyms,
    seal::batch::{Named, Ready, Sealed, Sealer},
    summary::{Outcome, PostSummary, RefusedAtExchange, Unsettled},
};

/// Batches sealed and not yet in the outbox, at most, beside those being proven.
const SEALED_AHEAD: usize = 4;

/// A run under way.
pub(crate) struct Run<'r> {
    sealer: Arc<Sealer>,
    client: Client,
    outbox: &'r Outbox,
    progress: &'r dyn Progress,
    attempts: u32,
}

/// What became of the queue.
#[derive(Default)]
struct Sent {
    /// Records of refused batches that are not to blame.
    freed: Vec<Digest>,
    /// Whether to leave the rest for another run.
    stopped: bool,
    /// How long the exchange asks to be left alone, if it does.
    retry_after: Option<Duration>,
}

impl<'r> Run<'r> {
    /// A run that sends each batch at most so many times.
    pub(crate) fn new(
        sealer: Arc<Sealer>,
        outbox: &'r Outbox,
        progress: &'r dyn Progress,
        attempts: u32,
    ) -> Result<Self, PostError> {
        let client = client(&sealer)?;
        Ok(Self { sealer, client, outbox, progress, attempts })
    }

    pub(super) async fn all(self, paths: &[PathBuf], now: Timestamp) -> Result<PostSummary, PostError> {
        if let Some(error) = agreement::ask(&self.client, &self.sealer).await? {
            tracing::warn!(%error, "the exchange could not be asked for its time and the admission: what is sealed waits for it");
        }
        let mut prepared = self.prepare(paths, now).await?;
        let mut summary = PostSummary::of(&mut prepared);
        let planned = self.plan(prepared, &mut summary).await?;
        self.post(planned, &mut summary).await?;
        Ok(summary)
    }

    /// Seals values and sends what is queued. How long the exchange asks to be left alone, if it does.
    pub(crate) async fn post(
        &self,
        planned: Vec<Named>,
        summary: &mut PostSummary,
    ) -> Result<Option<Duration>, PostError> {
        let ready = pseudonyms::give(&self.sealer, self.outbox, planned, summary, self.progress).await?;
        let mut values: HashMap<Digest, Arc<Ready>> = HashMap::new();
        for ready in ready {
            summary.by_measure.entry(ready.named.value.measure.clone()).or_default().new += 1;
            values.insert(ready.named.record, Arc::new(ready));
        }
        summary.new = values.len() as u64;
        let mut unsealed: Vec<Arc<Ready>> = values.values().cloned().collect();
        let retry_after = loop {
            self.seal(unsealed).await?;
            let sent = self.send(summary).await?;
            // What an earlier run sealed and this one has not read is sealed again when it is read again.
            unsealed = sent.freed.iter().filter_map(|record| values.get(record).cloned()).collect();
            if unsealed.is_empty() || sent.stopped {
                break sent.retry_after;
            }
        };
        summary.queued = self.outbox.queued_records().await?;
        let (posted, queued) = (summary.posted, summary.queued);
        tracing::info!(chain = %self.sealer.config.chain, new = summary.new, posted, queued, "posting is done");
        Ok(retry_after)
    }

    /// Reads the files on a thread of its own; its progress is passed on from here.
    async fn prepare(&self, paths: &[PathBuf], now: Timestamp) -> Result<Prepared, PostError> {
        let (relay, mut reports) = mpsc::unbounded_channel();
        let (sealer, paths) = (Arc::clone(&self.sealer), paths.to_vec());
        let reading = spawn_blocking(move || prepare_with(&sealer.config.reading(), &paths, now, &Relay(relay)));
        while let Some(report) = reports.recv().await {
            match report {
                Report::Stage(stage, total) => self.progress.stage(stage, total),
                Report::Advance(parts) => self.progress.advance(parts),
            }
        }
        Ok(reading.await.map_err(interrupted)??)
    }

    /// The values that are to be sealed. The others are counted.
    async fn plan(&self, prepared: Prepared, summary: &mut PostSummary) -> Result<Vec<Named>, PostError> {
        let mut new = Vec::new();
        for value in prepared.records {
            let named = self.sealer.name(value);
            match self.outbox.plan(&named.record, &named.fingerprint).await? {
                Plan::Seal => new.push(named),
                Plan::Posted => summary.already_posted += 1,
                Plan::Queued => summary.already_queued += 1,
                Plan::Refused => summary.already_refused += 1,
                // Its source is still here, changed or not.
                Plan::Erased => summary.already_erased.push(named.record),
                Plan::OtherValue => summary.refused.push(Refused {
                    origin: named.value.origin,
                    measure: Some(named.value.measure),
                    reason: Reason::PostedWithOtherValue,
                }),
            }
        }
        Ok(new)
    }

    /// Seals values in batches, several at a time, and puts each batch in the outbox as soon as it is proven.
    async fn seal(&self, mut values: Vec<Arc<Ready>>) -> Result<(), PostError> {
        // Those for the cross lane next to each other: a list for 64 of them costs what one for a single one does.
        let is_crossed = |named: &Named| self.sealer.is_crossed(&named.value.measure.id, named.value.period);
        values.sort_by_key(|ready| (!is_crossed(&ready.named), ready.named.record));
        self.progress.stage(Stage::Sealing, values.len() as u64);
        let (ready, mut batches) = mpsc::channel::<Sealed>(SEALED_AHEAD);
        let sealer = Arc::clone(&self.sealer);
        let proving = spawn_blocking(move || {
            values.par_chunks(limits::MAX_BATCH_CONTRIBUTIONS).try_for_each(|chunk| {
                let sealed = sealer.seal(chunk.iter().map(|ready| &**ready))?;
                // Nobody receives any more if the outbox failed, which is then what is reported.
                ready.blocking_send(sealed).map_err(|_| PostError::Interrupted("the outbox failed".to_owned()))
            })
        });
        let mut kept = Ok(());
        while let Some(sealed) = batches.recv().await {
            kept = self.outbox.enqueue(&sealed).await.map(drop);
            if kept.is_err() {
                break;
            }
            self.progress.advance(sealed.records.len() as u64);
        }
        drop(batches);
        let proven = proving.await.map_err(interrupted)?;
        kept?;
        proven
    }

    /// Sends everything that is queued, [`MAX_IN_FLIGHT`] batches at a time.
    ///
    /// The deliveries are not polled while this waits for the outbox, so they must not wait for it themselves: one
    /// that was next in line for the outbox's only connection would keep it from this, for ever.
    async fn send(&self, summary: &mut PostSummary) -> Result<Sent, PostError> {
        let queued = self.outbox.queued().await?;
        self.progress.stage(Stage::Posting, queued.len() as u64);
        let mut sent = Sent::default();
        let mut waiting = queued.into_iter();
        let mut in_flight = FuturesUnordered::new();
        loop {
            while in_flight.len() < MAX_IN_FLIGHT
                && let Some(id) = waiting.next()
            {
                let (bytes, batch) = match self.outbox.batch(&id).await {
                    Ok(read) => read,
                    // One batch that a disk has damaged does not hold up the others.
                    Err(OutboxError::Damaged(detail)) => {
                        self.outbox.set_batch_aside(&id, &format!("damaged on this disk: {detail}")).await?;
                        let (outcome, records) = (Outcome::NotDelivered, self.outbox.records_of(&id).await?);
                        summary.unsettled.push(Unsettled { batch: id, outcome, records, detail });
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                self.outbox.note_attempt(&id).await?;
                in_flight.push(self.deliver(bytes, batch));
            }
            let Some((batch, delivery)) = in_flight.next().await else { break };
            self.settle(&batch, delivery, summary, &mut sent).await?;
            self.progress.advance(1);
            // Whoever does not let one batch in will not let the next in. What is in flight stays queued.
            if sent.stopped {
                break;
            }
        }
        Ok(sent)
    }

    async fn deliver(&self, bytes: Vec<u8>, batch: Batch) -> (Batch, Delivery) {
        let delivery =
            deliver(&self.client, &self.sealer.network, &Encoded::from_bytes(bytes), &batch, self.attempts).await;
        (batch, delivery)
    }

    async fn settle(
        &self,
        batch: &Batch,
        delivery: Delivery,
        summary: &mut PostSummary,
        sent: &mut Sent,
    ) -> Result<(), PostError> {
        match delivery {
            Delivery::Receipted(receipt) => {
                self.outbox.settle(&receipt).await?;
                summary.posted += batch.contributions.len() as u64;
            }
            Delivery::Refused(problem) => self.refused(batch, &problem, summary, sent).await?,
            Delivery::Unsettled(outcome, detail, retry_after) => {
                sent.retry_after = sent.retry_after.max(retry_after);
                tracing::warn!(chain = %batch.chain, %detail, "a batch stays queued");
                let records = batch.contributions.len() as u64;
                summary.unsettled.push(Unsettled { batch: batch.id(), outcome, records, detail });
                sent.stopped = true;
            }
        }
        Ok(())
    }

    async fn refused(
        &self,
        batch: &Batch,
        problem: &Problem,
        summary: &mut PostSummary,
        sent: &mut Sent,
    ) -> Result<(), PostError> {
        let id = batch.id();
        tracing::warn!(chain = %batch.chain, problem = problem.word(), "the exchange refused a batch");
        let blamed = problem.entry.and_then(|entry| batch.contributions.get(usize::try_from(entry).ok()?));
        let blamed = blamed.map(|contribution| &contribution.openings.header);
        let (word, detail) = (problem.word(), problem.to_string());
        if let Some(header) = blamed.filter(|_| word == OPEN_PERIOD.word) {
            // It is not the record that is wrong but the time: no word on it is kept, nor on others of months as young.
            let is_open = |record: &Digest| {
                let of_record = |found: &&Contribution| found.openings.header.record == *record;
                let found = batch.contributions.iter().find(of_record);
                found.is_some_and(|found| found.openings.header.cell.period >= header.cell.period)
            };
            let (open, ended): (Vec<_>, Vec<_>) =
                self.outbox.refuse(&id, None, word).await?.into_iter().partition(is_open);
            let (outcome, records) = (Outcome::OpenMonth, open.len() as u64);
            summary.unsettled.push(Unsettled { batch: id, outcome, records, detail });
            sent.freed.extend(ended);
            return Ok(());
        }
        let blamed = blamed.map(|header| header.record);
        let freed = self.outbox.refuse(&id, blamed.as_ref(), word).await?;
        match blamed {
            Some(record) => {
                let (problem, detail) = (word.to_owned(), problem.detail.clone());
                summary.refused_at_exchange.push(RefusedAtExchange { record, problem, detail });
                sent.freed.extend(freed);
            }
            None => {
                // Sealed anew at once, they would be refused at once.
                let (outcome, records) = (Outcome::Refused, freed.len() as u64);
                summary.unsettled.push(Unsettled { batch: id, outcome, records, detail });
            }
        }
        Ok(())
    }
}

/// A client of the provider's exchange.
pub(crate) fn client(sealer: &Sealer) -> Result<Client, PostError> {
    let (config, keys) = (&sealer.config, &sealer.keys);
    Client::new(&config.exchange, config.member.clone(), Arc::clone(&keys.access), &keys.tls).map_err(PostError::Client)
}

fn interrupted(error: JoinError) -> PostError {
    PostError::Interrupted(error.to_string())
}

/// Progress of another thread.
enum Report {
    Stage(Stage, u64),
    Advance(u64),
}

struct Relay(mpsc::UnboundedSender<Report>);

impl Progress for Relay {
    fn stage(&self, stage: Stage, total: u64) {
        // Nobody listens if the run was dropped.
        let _ = self.0.send(Report::Stage(stage, total));
    }

    fn advance(&self, parts: u64) {
        let _ = self.0.send(Report::Advance(parts));
    }
}
