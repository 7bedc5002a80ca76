//! The far side: answers questions about an [`End`].

use std::io::{self, BufRead, PipeReader, PipeWriter, Write};
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, ExchangeError, Question, VERSION, chunks, read_line, write_line};
use crate::end::End;

/// Answers questions until there is none any more. Failures of the store are answers.
///
/// # Errors
/// When the asking side sent something else than a question, or cannot be written to.
pub fn serve<E: Serialize + DeserializeOwned + Send>(
    end: &mut dyn End<E>,
    from: &mut (impl BufRead + Send),
    to: &mut (impl Write + Send),
) -> Result<(), ExchangeError> {
    while let Some(question) = read_line(from)? {
        let answer = match question {
            Question::Hello { .. } => Ok(Answer::Hello { exchange: VERSION }),
            Question::Find { reference } => end.find(&reference).map(Answer::Found),
            Question::Lacking { items } => end.lacking(&items).map(Answer::Lacking),
            Question::Send { wanted } => {
                outgoing(to, |writer| end.send(&wanted, writer))?.map(|()| Answer::Sent {})
            }
            Question::Receive { keeping } => {
                let (received, passed) = incoming(from, |reader| end.receive(reader, &keeping))?;
                if let (Err(failure), Err(error)) = (&received, &passed)
                    && error.kind() == io::ErrorKind::BrokenPipe
                {
                    // The rest of the bundle is not waited for.
                    write_line(to, &Answer::Failure(failure))?;
                    return Ok(());
                }
                passed?;
                received.map(Answer::Received)
            }
        };
        write_line(to, &answer.unwrap_or_else(Answer::Failure))?;
    }
    Ok(())
}

/// Sends what `work` writes, as chunks.
fn outgoing<T>(to: &mut (impl Write + Send), work: impl FnOnce(PipeWriter) -> T) -> Result<T, ExchangeError> {
    let (mut reader, writer) = io::pipe()?;
    thread::scope(|scope| {
        let sending = scope.spawn(move || chunks::send(&mut reader, to));
        let worked = work(writer);
        sending.join().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))?;
        Ok(worked)
    })
}

/// Gives `work` the chunks that come. Returns its result, and whether all of them were passed on.
fn incoming<T>(
    from: &mut (impl BufRead + Send),
    work: impl FnOnce(PipeReader) -> T,
) -> Result<(T, io::Result<()>), ExchangeError> {
    let (reader, writer) = io::pipe()?;
    thread::scope(|scope| {
        let receiving = scope.spawn(move || chunks::receive(from, writer));
        let worked = work(reader);
        let passed = receiving.join().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
        Ok((worked, passed))
    })
}
