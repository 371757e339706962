//! P11: what is set aside deserves it. The judge excuses a difference that is listed, so somebody must look at the list.

use sync_core::journal::{DeadLetter, Journal};
use sync_core::model::Pair;
use sync_core::model::entity::EMAIL;

use super::judge::Verdict;
use super::people::is_invalid;
use super::scenario::HUBSPOT;
use super::wire::lock;
use super::world::World;

/// Everything that is listed was refused for what it is, and is still what was refused.
pub(super) async fn is_deserved(world: &World) -> Verdict {
    let journal = lock(&world.engine).as_ref().map(|engine| engine.journal().clone());
    let journal = journal.ok_or("no engine is running at the end")?;
    let letters = journal.dead_letters(10_000).await.map_err(|e| e.to_string())?;
    for (_, letter) in letters {
        let DeadLetter { side, what, reason, .. } = &letter;
        // A bare status says nothing of the content: the emulators name what they object to.
        if reason.starts_with("HTTP ") {
            return Err(format!("P11: {what} is set aside on {side} for {reason:?}"));
        }
        if let Some(pair) = pair(&journal, &letter).await? {
            is_still_refused(&letter, &pair)?;
        }
    }
    Ok(())
}

async fn pair(journal: &Journal, letter: &DeadLetter) -> Result<Option<Pair>, String> {
    match &letter.pair {
        Some(id) => journal.pair(id).await.map_err(|e| e.to_string()),
        None => Ok(None),
    }
}

/// Only HubSpot is particular, and only about addresses.
fn is_still_refused(letter: &DeadLetter, pair: &Pair) -> Verdict {
    let invalid = letter.side == HUBSPOT && letter.reason.contains("INVALID_EMAIL");
    let wanted = pair.fields(letter.side.other()).remove(&EMAIL).flatten();
    match wanted {
        Some(wanted) if invalid && !is_invalid(wanted.as_str()) => {
            Err(format!("P11: {} is set aside, although nothing is wrong with it", wanted.as_str()))
        }
        _ => Ok(()),
    }
}
