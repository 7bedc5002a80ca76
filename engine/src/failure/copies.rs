//! Conversions from the errors of copies between stores to failures.

use stele_remote::copy::CopyError;
use stele_remote::exchange::ExchangeError;

use crate::failure::{Failure, Kind};

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match &error {
            CopyError::Pipe(source) => Self::io("no pipe could be made", source),
            CopyError::Unasked | CopyError::Endless => Self::new(Kind::Failed, error.to_string())
                .hint("nothing was copied; another program may answer there"),
            CopyError::Bundle(_) | CopyError::Others => Self::new(Kind::Corrupt, error.to_string())
                .hint("nothing was copied; `stele store verify` there finds what is damaged"),
        }
    }
}

impl From<ExchangeError> for Failure {
    fn from(error: ExchangeError) -> Self {
        let failure = Self::new(Kind::Failed, format!("the other store cannot be asked: {error}"));
        match error {
            ExchangeError::Version { .. } => failure.hint("install one version of stele on both machines"),
            ExchangeError::Ended => failure.hint("what the other machine says stands above"),
            ExchangeError::Strange { .. } => failure.hint(
                "the account there must print nothing when a command is run; or another program answers",
            ),
            ExchangeError::Io(_) => failure.hint("run the command again: what arrived is not sent again"),
        }
    }
}
