//! Agreement: what this store states of what it built, what others state, and whether that is enough by a policy.
//!
//! Nothing here signs: the keys stay with the process that asks. [`statements`](self) are made here and signed there;
//! evidence comes back as bytes, and is read anew each time that somebody decides.

mod ancestry;
mod answers;
mod asked;
pub mod audit;
mod decision;
mod evidence;
mod gate;
mod machine;
mod records;
mod requests;
mod serve;
mod statements;

pub use answers::{
    AgreementAnswer, Ancestor, Decision, Evidence, Expected, JudgedAncestor, MadeKind, Pinned, PinnedKind,
    Stated, Statement, Used,
};
pub(crate) use asked::image_request;
pub use decision::offline;
pub(crate) use gate::PolicyGate;
pub use requests::AgreementRequest;
pub(crate) use serve::run;
