//! The definitions of a file, and what a linter says about it.

use std::collections::HashSet;
use std::ops::Range;

use starlark::analysis::{AstModuleLint, EvalSeverity};
use starlark::codemap::Span;
use starlark::syntax::AstModule;
use starlark::syntax::ast::{
    AssignTargetP, AstAssignIdent, AstAssignTarget, AstExpr, AstLiteral, AstParameter, AstStmt, ClauseP,
    ExprP, ForClauseP, ParameterP, StmtP,
};

use super::super::error::{EvalError, What};
use super::super::files::{MAX_STARLARK, too_large};
use super::super::modules::language_error;
use super::super::{depth, dialect, on_a_deep_stack};
use super::builtins;

/// The maximum number of lines of an assignment that its documentation shows.
const MAX_SHOWN: usize = 12;

/// A file without errors of syntax, as far as an editor asks about it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SourceFile {
    /// What it defines, at its top and within functions.
    pub definitions: Vec<Definition>,
    /// What is probably a mistake.
    pub lints: Vec<Lint>,
    /// Its length in bytes.
    length: usize,
}

/// A name that a file gives to something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// The name.
    pub name: String,
    /// The bytes of the name.
    pub at: Range<usize>,
    /// The bytes in which it can be used.
    pub scope: Range<usize>,
    /// What has the name.
    pub meaning: Meaning,
    /// In Markdown; empty for parameters and for what is loaded.
    pub documentation: String,
}

/// What has a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// A function.
    Function {
        /// The names of its parameters that can be given by name.
        parameters: Vec<String>,
    },
    /// A variable.
    Variable,
    /// A parameter of a function.
    Parameter,
    /// Something of another file.
    Loaded {
        /// That file, as `load` names it.
        path: String,
        /// The name there.
        name: String,
    },
}

/// What is probably a mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lint {
    /// Its bytes.
    pub at: Range<usize>,
    /// The linter's name of its kind: `unused-assign`. A comment `# starlark-lint-disable KIND` turns it off.
    pub kind: String,
    /// What is wrong.
    pub message: String,
    /// Whether the file cannot be evaluated, or not as it is meant.
    pub severe: bool,
}

impl SourceFile {
    /// Reads `text`, the content of `file`, which is a path from the top of a recipe tree.
    ///
    /// # Errors
    /// When it is too large, nests too deeply, or is not Starlark.
    pub fn parse(file: &str, text: &str) -> Result<Self, EvalError> {
        if text.len() > MAX_STARLARK {
            let what = What::Read { path: file.to_owned(), source: too_large(MAX_STARLARK) };
            return Err(EvalError::new(what, Vec::new()));
        }
        on_a_deep_stack(|| {
            depth::check(file, text)?;
            let module = AstModule::parse(file, text.to_owned(), &dialect())
                .map_err(|error| language_error(&error, &file.into()))?;
            let mut definitions = Definitions { text, found: Vec::new() };
            definitions.statement(module.statement(), &(0..text.len()));
            Ok(Self { definitions: definitions.found, lints: lints(file, &module), length: text.len() })
        })
    }

    /// What `name` means at a byte: the innermost definition whose scope it is in.
    pub fn definition(&self, name: &str, at: usize) -> Option<&Definition> {
        let found = self.visible(at).filter(|it| it.name == name);
        // Of several in one scope the first, to which `min_by_key` keeps.
        found.min_by_key(|it| it.scope.len())
    }

    /// What can be used at a byte.
    pub fn visible(&self, at: usize) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().filter(move |it| {
            let whole = it.scope.len() == self.length;
            whole || (it.scope.start <= at && at <= it.scope.end)
        })
    }

    /// What other files can load.
    pub fn exported(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().filter(|it| {
            let loaded = matches!(it.meaning, Meaning::Loaded { .. });
            it.scope.len() == self.length && !loaded && !it.name.starts_with('_')
        })
    }
}

fn range(span: Span) -> Range<usize> {
    span.begin().get() as usize..span.end().get() as usize
}

fn lints(file: &str, module: &AstModule) -> Vec<Lint> {
    let names: HashSet<String> = builtins(file).iter().map(|it| it.name.clone()).collect();
    let lints = module.lint(Some(&names)).into_iter().map(|lint| Lint {
        at: range(lint.location.span),
        kind: lint.short_name,
        message: lint.problem,
        severe: matches!(lint.severity, EvalSeverity::Error),
    });
    lints.collect()
}

/// Walks through a file.
struct Definitions<'a> {
    text: &'a str,
    found: Vec<Definition>,
}

impl Definitions<'_> {
    fn add(&mut self, ident: &AstAssignIdent, scope: &Range<usize>, meaning: Meaning, documentation: String) {
        let (name, at) = (ident.ident.clone(), range(ident.span));
        self.found.push(Definition { name, at, scope: scope.clone(), meaning, documentation });
    }

    fn statement(&mut self, statement: &AstStmt, scope: &Range<usize>) {
        match &statement.node {
            StmtP::Statements(all) => all.iter().for_each(|it| self.statement(it, scope)),
            StmtP::Load(load) => {
                for arg in &load.args {
                    let (path, name) = (load.module.node.clone(), arg.their.node.clone());
                    self.add(&arg.local, scope, Meaning::Loaded { path, name }, String::new());
                }
            }
            StmtP::Assign(assign) => {
                let shown = self.text.get(range(statement.span)).unwrap_or_default();
                self.target(&assign.lhs, scope, &excerpt(shown));
                self.expression(&assign.rhs);
            }
            StmtP::AssignModify(_, _, value) => self.expression(value),
            StmtP::For(of) => {
                self.target(&of.var, scope, "");
                self.expression(&of.over);
                self.statement(&of.body, scope);
            }
            StmtP::If(condition, body) => {
                self.expression(condition);
                self.statement(body, scope);
            }
            StmtP::IfElse(condition, bodies) => {
                self.expression(condition);
                self.statement(&bodies.0, scope);
                self.statement(&bodies.1, scope);
            }
            StmtP::Def(def) => {
                let head = statement.span.begin().get() as usize..def.body.span.begin().get() as usize;
                let head = self.text.get(head).unwrap_or_default();
                // The body begins after the colon, and comments.
                let signature = head.rfind(':').map_or(head, |colon| &head[..colon]);
                let mut documentation = code(signature.trim_end());
                if let Some(docstring) = docstring(&def.body) {
                    documentation.push_str(&format!("\n{}", dedent(docstring)));
                }
                let names = def.params.iter().filter(|it| matches!(it.node, ParameterP::Normal(..)));
                let names = names.filter_map(|it| it.node.ident());
                let parameters = names.map(|it| it.node.ident.clone()).collect();
                self.add(&def.name, scope, Meaning::Function { parameters }, documentation);
                let inner = range(statement.span);
                self.parameters(&def.params, &inner);
                self.statement(&def.body, &inner);
            }
            StmtP::Expression(value) | StmtP::Return(Some(value)) => self.expression(value),
            StmtP::Return(None) | StmtP::Break | StmtP::Continue | StmtP::Pass => {}
        }
    }

    fn parameters(&mut self, parameters: &[AstParameter], scope: &Range<usize>) {
        for parameter in parameters {
            if let Some(ident) = parameter.node.ident() {
                self.add(ident, scope, Meaning::Parameter, String::new());
            }
            if let ParameterP::Normal(_, _, Some(default)) = &parameter.node {
                self.expression(default);
            }
        }
    }

    fn target(&mut self, target: &AstAssignTarget, scope: &Range<usize>, documentation: &str) {
        match &target.node {
            AssignTargetP::Identifier(ident) => {
                self.add(ident, scope, Meaning::Variable, documentation.to_owned());
            }
            AssignTargetP::Tuple(parts) => {
                parts.iter().for_each(|part| self.target(part, scope, documentation));
            }
            AssignTargetP::Index(_) | AssignTargetP::Dot(..) => {}
        }
    }

    fn expression(&mut self, expression: &AstExpr) {
        let scope = range(expression.span);
        let mut comprehended = |first: &ForClauseP<_>, more: &[ClauseP<_>]| {
            self.target(&first.var, &scope, "");
            for clause in more {
                if let ClauseP::For(clause) = clause {
                    self.target(&clause.var, &scope, "");
                }
            }
        };
        match &expression.node {
            ExprP::ListComprehension(_, first, more) => comprehended(first, more),
            ExprP::DictComprehension(_, first, more) => comprehended(first, more),
            ExprP::Lambda(lambda) => self.parameters(&lambda.params, &scope),
            _ => {}
        }
        expression.node.visit_expr(|inner| self.expression(inner));
    }
}

/// The string that a function's body begins with.
fn docstring(body: &AstStmt) -> Option<&str> {
    match &body.node {
        StmtP::Statements(all) => all.first().and_then(docstring),
        StmtP::Expression(value) => match &value.node {
            ExprP::Literal(AstLiteral::String(text)) => Some(&text.node),
            _ => None,
        },
        _ => None,
    }
}

/// A docstring without the indentation that all its lines but the first have.
fn dedent(text: &str) -> String {
    let rest = || text.lines().skip(1).filter(|line| !line.trim().is_empty());
    let common = rest().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |all, line| format!("{all}\n{}", line.get(common..).unwrap_or_default()))
}

/// The first lines of an assignment.
fn excerpt(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take(MAX_SHOWN).collect();
    let more = if text.lines().nth(MAX_SHOWN).is_some() { "\n…" } else { "" };
    code(&format!("{}{more}", lines.join("\n")))
}

/// As a block of code in Markdown.
fn code(text: &str) -> String {
    let fence = if text.contains("```") { "~~~~" } else { "```" };
    format!("{fence}python\n{text}\n{fence}\n")
}
