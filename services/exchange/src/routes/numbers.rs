//! `POST …/numbers`: how many contributions of whom the cells of a request hold, for custodians of every jurisdiction.
//!
//! The request need not be logged: a preview is of one that is not. It must be signed by an admitted regulator, so that
//! no custodian looks at numbers which nobody asks about.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::dossier::{ChainNumbers, NumbersRequest};
use nacre_wire::{body::Json, exchange::OfChain};

use super::{Answer, ByMember};
use crate::{answer, exchange::Exchange};

/// The cells and their numbers.
pub(super) async fn read(
    exchange: Arc<Exchange>,
    call: ByMember<OfChain, Json<NumbersRequest>>,
) -> Answer<Json<ChainNumbers>> {
    let chain = Arc::clone(exchange.chain(&call.parameters.slug)?);
    let wanted = call.body.value().await?;
    let place = exchange.evidence().enter()?;
    let asked = answer::asked_for_numbers(exchange.roots(), &chain, &place, wanted).await?;
    let numbers = answer::numbers(&exchange, &chain, &place, &asked).await?;
    Ok(Reply::new(numbers).holding(place))
}
