//! Admission: batches that were verified enter their chain, those that came at about the same time together.
//!
//! Kept true: a chain has one task that admits, group after group, and nothing else appends contributions to it. So an id
//! that is looked up and found new, after the tables have followed the log, is new until the group is appended; and of
//! batches of a group that share an id only the first is appended, and the others then meet it in the tables. Each record
//! id thus has one contribution in its chain, however many posts of it there are at once.
//!
//! Cost: for a group of any size three fsyncs, one each for storing, appending, following; a row in two tables and an entry
//! a contribution.

use std::{collections::HashSet, sync::Arc};

use nacre_schemas::{
    Digest, Document as _,
    entry::{BatchEntry, Entry},
};

use super::{Checked, Standing, standings};
use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    refusal::Refusal,
    store::{self, Store, contribution::Body, record::Placed},
    work::{Place, Together},
};

/// Contributions at which a group takes no further batch: some 5 MB in one transaction.
const GROUP_CONTRIBUTIONS: usize = 1_024;

/// A batch that was verified, with its place in the queue.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(super) chain: Arc<Chain>,
    pub(super) checked: Checked,
    pub(super) place: Place,
}

/// Where a chain's batches gather for it. The answer says where a batch's records stand.
pub(crate) type Admissions = Together<Admission, Result<Vec<Placed>, Error>>;

/// Starts a chain's task.
pub(crate) fn start(store: Store) -> Admissions {
    let size = |admission: &Admission| admission.checked.batch.contributions.len();
    Together::start(GROUP_CONTRIBUTIONS, size, move |group: Vec<Admission>| admit(store.clone(), group))
}

async fn admit(store: Store, group: Vec<Admission>) -> Vec<Result<Vec<Placed>, Error>> {
    let Some(chain) = group.first().map(|admission| Arc::clone(&admission.chain)) else { return Vec::new() };
    // The places are kept to the end of the work.
    let (batches, _places): (Vec<Checked>, Vec<Place>) =
        group.into_iter().map(|admission| (admission.checked, admission.place)).unzip();
    match admit_all(&store, &chain, &batches).await {
        Ok(answers) => answers,
        Err(error) => {
            let error = Arc::new(error);
            batches.iter().map(|_| Err(ExchangeError::OfGroup(Arc::clone(&error)).into())).collect()
        }
    }
}

async fn admit_all(
    store: &Store,
    chain: &Chain,
    batches: &[Checked],
) -> Result<Vec<Result<Vec<Placed>, Error>>, ExchangeError> {
    chain.recovered().await?;
    let mut standings_now = standings(store, chain, batches).await?;
    let new = first_of_each(batches.iter().zip(&standings_now));
    if !new.is_empty() {
        keep(store, chain, &new).await?;
        append(chain, &new).await?;
        standings_now = standings(store, chain, batches).await?;
    }
    let answer = |standing| match standing {
        Ok(Standing::Known(placed)) => Ok(placed),
        Ok(Standing::New) => Err(chain.inconsistent(chain.size(), "an appended record is unknown").into()),
        Err(refusal) => Err(Error::from(refusal)),
    };
    Ok(standings_now.into_iter().map(answer).collect())
}

/// Of the batches that are new, those that share no record id with one before them.
fn first_of_each<'a>(batches: impl Iterator<Item = (&'a Checked, &'a Result<Standing, Refusal>)>) -> Vec<&'a Checked> {
    let mut taken: HashSet<Digest> = HashSet::new();
    let mut first = Vec::new();
    for (batch, standing) in batches {
        if matches!(standing, Ok(Standing::New)) && !batch.records.iter().any(|record| taken.contains(record)) {
            taken.extend(&batch.records);
            first.push(batch);
        }
    }
    first
}

/// Stores bodies, restricted parts and what the providers signed.
async fn keep(store: &Store, chain: &Chain, batches: &[&Checked]) -> Result<(), ExchangeError> {
    let mut writing = store.begin().await?;
    for checked in batches {
        let contributions = || checked.batch.contributions.iter().zip(checked.leaf_hashes());
        let bodies: Vec<Body> = contributions()
            .map(|(contribution, leaf_hash)| Body {
                leaf_hash: *leaf_hash,
                record: contribution.openings.header.record,
                openings: contribution.openings.to_canonical(),
                restricted: contribution.restricted.to_canonical(),
            })
            .collect();
        store::contribution::insert(&mut writing, chain.id(), &bodies).await?;
        if let Some(list) = &checked.batch.cross {
            store::cross_list::insert(&mut writing, chain.id(), list).await?;
            let with_words = contributions().filter(|(contribution, _)| contribution.restricted.cross.is_some());
            let headers = with_words.map(|(contribution, leaf_hash)| (&contribution.openings.header, leaf_hash));
            store::cross_value::insert(&mut writing, chain.id(), headers).await?;
        }
        store::batch::insert(&mut writing, chain.id(), &checked.id, &checked.body).await?;
    }
    Ok(store.commit(writing).await?)
}

/// Appends each batch's entry and its contributions' entries, all in one submission.
async fn append(chain: &Chain, batches: &[&Checked]) -> Result<(), ExchangeError> {
    let mut entries = Vec::new();
    for Checked { batch, body, .. } in batches {
        let contributions = batch.contributions.len() as u32;
        entries.push(Entry::Batch(BatchEntry { contributions, body: body.digest() }));
        entries.extend(batch.contributions.iter().map(|contribution| Entry::Contribution(contribution.entry())));
    }
    chain.append(&entries).await?;
    Ok(())
}
