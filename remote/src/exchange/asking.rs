//! The near side: a store in another program as an [`End`].

use std::io::{BufReader, PipeReader, PipeWriter, Read, Write};

use serde::de::DeserializeOwned;

use super::{Answer, ExchangeError, Question, VERSION, chunks, read_line, strange, write_line};
use crate::end::{End, Found, Item, Keeping, Received, Wanted};

/// The two pipes to another program, and its failures as `E`.
pub struct Asking<R, W, F> {
    from: BufReader<R>,
    to: W,
    failed: F,
}

impl<R: Read, W: Write, F> Asking<R, W, F> {
    /// Greets the other program. `failed` makes a failure of the exchange one of the copy's.
    ///
    /// # Errors
    /// When it is no `stele serve --stdio`, or speaks another version.
    pub fn new<E: DeserializeOwned>(from: R, to: W, failed: F) -> Result<Self, E>
    where
        F: Fn(ExchangeError) -> E,
    {
        let mut it = Self { from: BufReader::new(from), to, failed };
        match it.ask(&Question::Hello { exchange: VERSION })? {
            Answer::Hello { exchange: VERSION } => Ok(it),
            Answer::Hello { exchange: theirs } => Err((it.failed)(ExchangeError::Version { theirs })),
            _ => Err(it.unexpected()),
        }
    }

    fn ask<E: DeserializeOwned>(&mut self, question: &Question) -> Result<Answer<E>, E>
    where
        F: Fn(ExchangeError) -> E,
    {
        match write_line(&mut self.to, question) {
            Ok(()) => self.answer(),
            // What it said before it ended may say why.
            Err(error) => Err(self.answer::<E>().err().unwrap_or_else(|| (self.failed)(error))),
        }
    }

    /// The answer to the last question.
    fn answer<E: DeserializeOwned>(&mut self) -> Result<Answer<E>, E>
    where
        F: Fn(ExchangeError) -> E,
    {
        match read_line(&mut self.from) {
            Ok(Some(Answer::Failure(failure))) => Err(failure),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err((self.failed)(ExchangeError::Ended)),
            Err(error) => Err((self.failed)(error)),
        }
    }

    fn unexpected<E>(&self) -> E
    where
        F: Fn(ExchangeError) -> E,
    {
        (self.failed)(strange(b"", "another answer than to that question"))
    }

    fn bundle<E: DeserializeOwned>(&mut self, question: &Question, to: impl Write) -> Result<(), E>
    where
        F: Fn(ExchangeError) -> E,
    {
        write_line(&mut self.to, question).map_err(&self.failed)?;
        chunks::receive(&mut self.from, to).map_err(|error| (self.failed)(error.into()))?;
        match self.answer()? {
            Answer::Sent {} => Ok(()),
            _ => Err(self.unexpected()),
        }
    }
}

impl<R, W, F, E> End<E> for Asking<R, W, F>
where
    R: Read + Send,
    W: Write + Send,
    F: Fn(ExchangeError) -> E + Send,
    E: DeserializeOwned,
{
    fn find(&mut self, reference: &str) -> Result<Found, E> {
        match self.ask(&Question::Find { reference: reference.to_owned() })? {
            Answer::Found(found) => Ok(found),
            _ => Err(self.unexpected()),
        }
    }

    fn lacking(&mut self, items: &[Item]) -> Result<Vec<Item>, E> {
        match self.ask(&Question::Lacking { items: items.to_vec() })? {
            Answer::Lacking(lacking) => Ok(lacking),
            _ => Err(self.unexpected()),
        }
    }

    fn send(&mut self, wanted: &Wanted, to: PipeWriter) -> Result<(), E> {
        self.bundle(&Question::Send { wanted: wanted.clone() }, to)
    }

    fn receive(&mut self, mut from: PipeReader, keeping: &Keeping) -> Result<Received, E> {
        let question = Question::Receive { keeping: keeping.clone() };
        write_line(&mut self.to, &question).map_err(&self.failed)?;
        if let Err(error) = chunks::send(&mut from, &mut self.to) {
            // Why it takes no more is what it said.
            return Err(self.answer::<E>().err().unwrap_or_else(|| (self.failed)(error.into())));
        }
        match self.answer()? {
            Answer::Received(received) => Ok(received),
            _ => Err(self.unexpected()),
        }
    }
}
