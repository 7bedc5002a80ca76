//! A panic in one thread of a request ends the request with an error. Threads that wait for it must not wait
//! forever.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use stele_recipes::recipe::RecipeName;

use super::Failed;

/// Runs some work for a recipe. A panic becomes an error with its message, and is logged.
pub(super) fn caught<T>(
    recipe: &RecipeName,
    work: impl FnOnce() -> Result<T, Arc<Failed>>,
) -> Result<T, Arc<Failed>> {
    // What the work shares with other threads is behind locks whose poison is deliberately ignored.
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
