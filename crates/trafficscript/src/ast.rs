//! The syntax tree as plain values. Every node knows its span; nothing is resolved yet.
//!
//! Uses of variables and names of functions carry a small number ([`UseId`], [`CallId`]), counted from 0 within
//! one tree: the check answers for each of them in a side table, so the tree itself is never rewritten.

use source::{Source, Span};
use std::sync::Arc;

/// How deep brackets, blocks and operands of prefix operators may nest; what is deeper is a syntax error.
/// It bounds the recursion of the parser and of everybody who walks the statements.
pub(crate) const NESTING_MAX: usize = 150;

/// How high the tree of one expression may grow, long chains such as `$a . $b . $c` included.
/// It bounds the recursion of everybody who walks (or drops) an expression.
pub(crate) const EXPRESSION_HEIGHT_MAX: u16 = 500;

/// A whole rule text.
#[derive(Debug)]
pub(crate) struct Ast {
    /// The text all spans point into.
    pub(crate) source: Arc<Source>,
    pub(crate) imports: Vec<Import>,
    /// In the order of the text; the same name may occur twice (the check complains).
    pub(crate) subs: Vec<Sub>,
    /// What runs, in order.
    pub(crate) body: Vec<Statement>,
    /// Comments with their `#`, without the newline.
    pub(crate) comments: Vec<Span>,
    /// How many [`UseId`]s were given out.
    pub(crate) uses: u32,
    /// How many [`CallId`]s were given out.
    pub(crate) calls: u32,
    /// False when the parser had to leave something out; then nothing can be said about what is unused or missing.
    pub(crate) is_whole: bool,
}

/// Names one use of a variable (read, written, parameter, loop variable) within one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UseId(pub(crate) u32);

/// Names one place that calls a function, within one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(pub(crate) u32);

/// A name as written; of a variable without its `$`, of a function with its dots and without blanks.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) text: Arc<str>,
    pub(crate) span: Span,
}

/// A variable where it is used. The span includes the `$`.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: Name,
    pub(crate) id: UseId,
}

/// `import foo as bar;`
#[derive(Debug)]
pub(crate) struct Import {
    /// The rule that is imported.
    pub(crate) rule: Name,
    /// What its subs are called by, before the dot; the rule's own name where no `as` is written.
    pub(crate) alias: Name,
    pub(crate) span: Span,
}

/// `sub name( $a, $b ) { … }`
#[derive(Debug)]
pub(crate) struct Sub {
    pub(crate) name: Name,
    pub(crate) parameters: Vec<Variable>,
    pub(crate) body: Vec<Statement>,
    pub(crate) span: Span,
}

/// One statement; the span includes its `;`.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Expr(Expr),
    Block(Vec<Statement>),
    /// `else if` is a further arm, not a nested statement: long chains stay flat. At least one arm.
    If {
        arms: Vec<IfArm>,
        otherwise: Option<Vec<Statement>>,
    },
    While {
        condition: Expr,
        body: Vec<Statement>,
    },
    DoWhile {
        body: Vec<Statement>,
        condition: Expr,
    },
    /// A missing condition is true.
    For {
        start: Option<Expr>,
        condition: Option<Expr>,
        step: Option<Expr>,
        body: Vec<Statement>,
    },
    Foreach {
        variable: Variable,
        array: Expr,
        body: Vec<Statement>,
    },
    /// No fall-through, the first match wins; `break` leaves the switch. With a comparison the test is
    /// `comparison( subject, value )`, without it `==`.
    Switch {
        subject: Expr,
        comparison: Option<FunctionName>,
        cases: Vec<Case>,
        /// Runs when no case matches, wherever it stands.
        default: Option<Vec<Statement>>,
    },
    /// Leaves the innermost loop or switch; outside of one it ends the rule.
    Break,
    /// The innermost loop's next round; outside of one it starts the rule again.
    Continue,
    Return(Option<Expr>),
    Empty,
}

/// A condition and what runs if it holds.
#[derive(Debug)]
pub(crate) struct IfArm {
    pub(crate) condition: Expr,
    pub(crate) body: Vec<Statement>,
}

/// `case 1, 2: …`
#[derive(Debug)]
pub(crate) struct Case {
    /// At least one.
    pub(crate) values: Vec<Expr>,
    pub(crate) body: Vec<Statement>,
    pub(crate) span: Span,
}

/// A function's name where it will be called.
#[derive(Debug)]
pub(crate) struct FunctionName {
    pub(crate) name: Name,
    pub(crate) id: CallId,
}

/// An expression. Made with [`Expr::new`] only, so that its height is right.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
    height: u16,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Integer(i64),
    Double(f64),
    /// The value, escapes already replaced.
    String(Arc<[u8]>),
    True,
    False,
    Variable(Variable),
    /// `$1` … `$9`.
    Capture(u8),
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Call {
        function: FunctionName,
        arguments: Vec<Expr>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `&&`: the right side runs only if the left is true.
    And {
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `||`: the right side runs only if the left is false.
    Or {
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `condition ? yes : no`
    Ternary {
        condition: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    /// `=` has no operator, `.=` has [`BinaryOperator::Concat`], and so on.
    Assign {
        operator: Option<BinaryOperator>,
        place: Place,
        value: Box<Expr>,
    },
    /// `++$a`, its value is the new one.
    PreIncrement(Place),
    PreDecrement(Place),
    /// `$a++`, its value is the old one.
    PostIncrement(Place),
    PostDecrement(Place),
    Array(Vec<Expr>),
    Hash(Vec<(Expr, Expr)>),
}

/// What can be assigned to: `$a`, `$1`, `$a[ 1 ][ "k" ]`.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) root: PlaceRoot,
    /// From the outermost container inwards; empty for a plain variable.
    pub(crate) indexes: Vec<Expr>,
}

#[derive(Debug)]
pub(crate) enum PlaceRoot {
    Variable(Variable),
    /// 1 to 9.
    Capture(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Not,
    BitNot,
    Negate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    Concat,
    ShiftLeft,
    ShiftRight,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    BitAnd,
    BitXor,
    BitOr,
}

impl Expr {
    /// A node over its children.
    pub(crate) fn new(kind: ExprKind, span: Span) -> Self {
        let height = kind.children_height().saturating_add(1);
        Self { kind, span, height }
    }

    /// Levels of the tree, at least 1; the parser keeps it at [`EXPRESSION_HEIGHT_MAX`] or below.
    pub(crate) fn height(&self) -> u16 {
        self.height
    }
}

impl ExprKind {
    fn children_height(&self) -> u16 {
        let highest = |list: &[Expr]| list.iter().map(Expr::height).max().unwrap_or(0);
        match self {
            Self::Integer(_)
            | Self::Double(_)
            | Self::String(_)
            | Self::True
            | Self::False
            | Self::Variable(_)
            | Self::Capture(_) => 0,
            Self::Unary { operand, .. } => operand.height,
            Self::Index { base: left, index: right }
            | Self::Binary { left, right, .. }
            | Self::And { left, right }
            | Self::Or { left, right } => left.height.max(right.height),
            Self::Ternary { condition, yes, no } => condition.height.max(yes.height).max(no.height),
            Self::Assign { place, value, .. } => value.height.max(highest(&place.indexes)),
            Self::PreIncrement(place)
            | Self::PreDecrement(place)
            | Self::PostIncrement(place)
            | Self::PostDecrement(place) => highest(&place.indexes),
            Self::Call { arguments, .. } => highest(arguments),
            Self::Array(items) => highest(items),
            Self::Hash(pairs) => {
                pairs.iter().map(|(key, value)| key.height.max(value.height)).max().unwrap_or(0)
            }
        }
    }
}
