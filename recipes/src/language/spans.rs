//! Source locations: from the evaluator's spans to ours.

use std::sync::Arc;

use starlark::codemap::FileSpan;
use starlark::syntax::AstModule;
use starlark::syntax::ast::{ArgumentP, AstExpr, ExprP};

use super::dialect;
use crate::recipe::Span;

/// The evaluator's span as ours: it counts from 0.
pub(super) fn of(span: &FileSpan) -> Span {
    let resolved = span.resolve_span();
    Span {
        file: Arc::from(span.filename()),
        begin: (resolved.begin.line + 1, resolved.begin.column + 1),
        end: (resolved.end.line + 1, resolved.end.column + 1),
    }
}

/// A whole file, when nothing more precise is known.
pub(super) fn whole(file: &Arc<str>) -> Span {
    Span { file: Arc::clone(file), begin: (1, 1), end: (1, 1) }
}

/// The span of the value that the call at `call` gives to `argument`; of the call itself when it is not written there.
///
/// The file is parsed again: errors are rare, and evaluation does not keep the positions of arguments.
pub(super) fn of_argument(call: &FileSpan, argument: &str) -> Span {
    found(call, argument, |_, value| value)
}

/// As [`of_argument`], with the argument's name.
pub(super) fn of_named_argument(call: &FileSpan, argument: &str) -> Span {
    found(call, argument, |name, value| name.merge(value))
}

type RawSpan = starlark::codemap::Span;

fn found(call: &FileSpan, argument: &str, of_both: fn(RawSpan, RawSpan) -> RawSpan) -> Span {
    let text = call.file.source().to_owned();
    let Ok(module) = AstModule::parse(call.filename(), text, &dialect()) else { return of(call) };
    let mut found = None;
    module.statement().visit_expr(|expr| search(expr, call, argument, &mut found));
    found.map_or_else(|| of(call), |(name, value)| of(&module.file_span(of_both(name, value))))
}

fn search(expr: &AstExpr, call: &FileSpan, argument: &str, found: &mut Option<(RawSpan, RawSpan)>) {
    if expr.span == call.span
        && let ExprP::Call(_, arguments) = &expr.node
    {
        for given in &arguments.args {
            if let ArgumentP::Named(name, value) = &given.node
                && name.node == argument
            {
                *found = Some((name.span, value.span));
            }
        }
    }
    expr.node.visit_expr(|inner| search(inner, call, argument, found));
}
