//! L1 for those who were merged: whoever they are now, the two records of a pair show the same.

use sync_core::model::Entity;
use sync_core::testing::fake::What;

use super::judge::{Verdict, contact_fields, customer_fields};
use super::wire::lock;
use super::world::World;

/// Both records of every pair agree, or what does not is listed. Not where contacts were merged and merged again, or somebody was
/// deleted: then a pair may stay behind whose contact is another's.
pub(super) async fn do_pairs_agree(world: &World) -> Verdict {
    let count = |what: What| {
        let of =
            |changes: &[sync_core::testing::fake::Change]| changes.iter().filter(|c| c.what == what).count();
        world.hubspot.with(|h, _| of(h.oracle().changes()))
            + world.stripe.with(|s, _| of(s.oracle().changes()))
    };
    if count(What::Merged) > 1 || count(What::Deleted) > 0 {
        return Ok(());
    }
    let journal = lock(&world.engine).as_ref().map(|engine| engine.journal().clone());
    let journal = journal.ok_or("no engine is running at the end")?;
    let letters = journal.dead_letters(10_000).await.map_err(|e| e.to_string())?;
    let entity = Entity::person();
    for pair in journal.pairs_after(None, 10_000).await.map_err(|e| e.to_string())? {
        let [Some(left), Some(right)] = sync_core::model::Side::BOTH.map(|side| pair.present(side)) else {
            continue;
        };
        let left = world.hubspot.with(|h, _| contact_fields(h, &left.id));
        let right = world.stripe.with(|s, _| customer_fields(s, &right.id));
        let is_listed = letters.iter().any(|(_, letter)| letter.pair.as_ref() == Some(&pair.id));
        for field in entity.fields().filter(|_| !is_listed) {
            let [l, r] = [&left, &right].map(|fields| fields.get(field).and_then(Option::as_ref));
            if !entity.same(field, l, r) {
                return Err(format!("L1: {field} of pair {} differs", pair.id));
            }
        }
    }
    Ok(())
}
