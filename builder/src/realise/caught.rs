//! A panic of one thread of a request: it ends the request with an error. Whoever waits for that thread must not wait
//! for ever.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use stele_recipes::recipe::RecipeName;

use super::Failed;

/// Does some work for a recipe. What a panic says is an error, and goes to the log.
pub(super) fn caught<T>(
    recipe: &RecipeName,
    work: impl FnOnce() -> Result<T, Arc<Failed>>,
) -> Result<T, Arc<Failed>> {
    // What the work shares with other threads is behind locks, whose poison is looked past on purpose.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let what = said(&*panic);
        tracing::error!("a panic while {recipe} was realised: {what}");
        Err(Arc::new(Failed::Panicked { recipe: recipe.clone(), what }))
    })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
