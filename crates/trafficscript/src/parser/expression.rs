//! Expressions, by precedence climbing.

use super::{Parsed, Parser};
use crate::ast::{BinaryOperator, EXPRESSION_HEIGHT_MAX, Expr, ExprKind, Place, PlaceRoot, UnaryOperator};
use crate::token::{Keyword, Mark, TokenKind};
use source::Span;

/// What stands between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOperator),
    And,
    Or,
    Question,
}

/// Binding power of `? :`, the loosest; every operator inside of it binds tighter.
const TERNARY_POWER: u8 = 1;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.operators(TERNARY_POWER)
    }

    /// Operands and operators that bind at least as tight as `power`.
    fn operators(&mut self, power: u8) -> Parsed<Expr> {
        self.nested(|parser| {
            let mut left = parser.unary()?;
            while let Some((infix, found)) = infix(parser.kind()).filter(|(_, found)| *found >= power) {
                parser.bump();
                left = parser.right_side(left, infix, found)?;
            }
            Ok(left)
        })
    }

    fn right_side(&mut self, left: Expr, infix: Infix, power: u8) -> Parsed<Expr> {
        let start = left.span;
        let left = Box::new(left);
        let kind = match infix {
            Infix::Question => {
                let yes = Box::new(self.expression()?);
                self.expect(Mark::Colon)?;
                let no = Box::new(self.operators(TERNARY_POWER)?);
                ExprKind::Ternary { condition: left, yes, no }
            }
            Infix::And => ExprKind::And { left, right: Box::new(self.operators(power + 1)?) },
            Infix::Or => ExprKind::Or { left, right: Box::new(self.operators(power + 1)?) },
            Infix::Binary(operator) => {
                ExprKind::Binary { operator, left, right: Box::new(self.operators(power + 1)?) }
            }
        };
        self.node(kind, start)
    }

    /// A node from its start to the token read last; refuses trees that grow too high.
    fn node(&mut self, kind: ExprKind, start: Span) -> Parsed<Expr> {
        let expression = Expr::new(kind, self.since(start));
        if expression.height() > EXPRESSION_HEIGHT_MAX {
            let message =
                format!("this expression has more than {EXPRESSION_HEIGHT_MAX} steps inside one another");
            return Err(self.give_up("too-deep", message));
        }
        Ok(expression)
    }

    /// Prefix operators. An operand that can be assigned to takes an assignment behind it at once, however tight
    /// the operator before it binds: `$a && $b = f()` and `!$b = f()` mean what their authors mean.
    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let operator = match self.kind() {
            TokenKind::Mark(Mark::Not) => UnaryOperator::Not,
            TokenKind::Mark(Mark::BitNot) => UnaryOperator::BitNot,
            TokenKind::Mark(Mark::Minus) => UnaryOperator::Negate,
            TokenKind::Mark(mark @ (Mark::Increment | Mark::Decrement)) => return self.pre_step(*mark),
            _ => return self.postfix_or_assignment(),
        };
        self.bump();
        let operand = Box::new(self.nested(Self::unary)?);
        self.node(ExprKind::Unary { operator, operand }, start)
    }

    fn pre_step(&mut self, mark: Mark) -> Parsed<Expr> {
        let start = self.span();
        self.bump();
        let operand = self.postfix()?;
        let place = self.place(operand, "counted up or down")?;
        let is_up = mark == Mark::Increment;
        let kind = if is_up { ExprKind::PreIncrement(place) } else { ExprKind::PreDecrement(place) };
        self.node(kind, start)
    }

    fn postfix_or_assignment(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let operand = self.postfix()?;
        match *self.kind() {
            TokenKind::Mark(mark @ (Mark::Increment | Mark::Decrement)) => {
                let place = self.place(operand, "counted up or down")?;
                self.bump();
                let is_up = mark == Mark::Increment;
                let kind =
                    if is_up { ExprKind::PostIncrement(place) } else { ExprKind::PostDecrement(place) };
                self.node(kind, start)
            }
            TokenKind::Mark(mark) => {
                let Some(operator) = assignment(mark) else { return Ok(operand) };
                let place = self.place(operand, "assigned to")?;
                self.bump();
                let value = Box::new(self.expression()?);
                self.node(ExprKind::Assign { operator, place, value }, start)
            }
            _ => Ok(operand),
        }
    }

    /// An operand with its indexes.
    fn postfix(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let mut base = self.primary()?;
        while self.eat(Mark::OpenSquare) {
            let index = Box::new(self.expression()?);
            self.expect(Mark::CloseSquare)?;
            base = self.node(ExprKind::Index { base: Box::new(base), index }, start)?;
        }
        Ok(base)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let kind = match self.kind().clone() {
            TokenKind::Integer(value) => ExprKind::Integer(value),
            TokenKind::Double(value) => ExprKind::Double(value),
            TokenKind::String(value) => ExprKind::String(value),
            TokenKind::Capture(number) => ExprKind::Capture(number),
            TokenKind::Keyword(Keyword::True) => ExprKind::True,
            TokenKind::Keyword(Keyword::False) => ExprKind::False,
            TokenKind::Variable => {
                let variable = self.variable()?;
                return self.node(ExprKind::Variable(variable), start);
            }
            TokenKind::Name => return self.call(),
            TokenKind::Mark(Mark::OpenRound) => return self.group(),
            TokenKind::Mark(Mark::OpenSquare) => return self.collection(),
            TokenKind::Mark(Mark::Plus) => {
                let help = "write `+` between two values only";
                return Err(self.error("syntax", "there is no `+` in front of a value", start, help));
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.bump();
        self.node(kind, start)
    }

    fn group(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.bump();
        let mut inner = self.expression()?;
        self.expect(Mark::CloseRound)?;
        inner.span = self.since(start);
        Ok(inner)
    }

    fn call(&mut self) -> Parsed<Expr> {
        let start = self.span();
        if *self.kind_ahead(1) != TokenKind::Mark(Mark::OpenRound) {
            let name = self.text(start);
            let help = format!(
                "to call a function write `{name}( … )`; a variable is `$name`, a text stands in quotes"
            );
            return Err(self.error("bare-name", format!("`{name}` alone means nothing"), start, &help));
        }
        let function = self.function_name();
        self.bump();
        let mut arguments = Vec::new();
        while !self.is_mark(Mark::CloseRound) {
            arguments.push(self.expression()?);
            if !self.eat(Mark::Comma) {
                break;
            }
        }
        if !self.eat(Mark::CloseRound) {
            return Err(self.unexpected("`,` or `)`"));
        }
        self.node(ExprKind::Call { function, arguments }, start)
    }

    /// `[ 1, 2 ]` or `[ "k" => 1 ]`; `[]` is an array.
    fn collection(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.bump();
        let mut items = Vec::new();
        let mut pairs = Vec::new();
        while !self.is_mark(Mark::CloseSquare) {
            let first = self.expression()?;
            let is_pair = self.is_mark(Mark::Arrow);
            if is_pair && !items.is_empty() || !is_pair && !pairs.is_empty() {
                let message = "an array's items and a hash's pairs do not mix";
                return Err(self.error(
                    "syntax",
                    message,
                    first.span,
                    "write `key => value` for all, or for none",
                ));
            }
            if self.eat(Mark::Arrow) {
                pairs.push((first, self.expression()?));
            } else {
                items.push(first);
            }
            if !self.eat(Mark::Comma) {
                break;
            }
        }
        if !self.eat(Mark::CloseSquare) {
            return Err(self.unexpected("`,` or `]`"));
        }
        let kind = if pairs.is_empty() { ExprKind::Array(items) } else { ExprKind::Hash(pairs) };
        self.node(kind, start)
    }

    /// The expression as something that can be assigned to.
    fn place(&mut self, expression: Expr, purpose: &str) -> Parsed<Place> {
        let span = expression.span;
        let mut indexes = Vec::new();
        let mut rest = expression;
        let root = loop {
            match rest.kind {
                ExprKind::Index { base, index } => {
                    indexes.push(*index);
                    rest = *base;
                }
                ExprKind::Variable(variable) => break PlaceRoot::Variable(variable),
                ExprKind::Capture(number) => break PlaceRoot::Capture(number),
                _ => {
                    let message = format!("this cannot be {purpose}");
                    let help = if self.is_mark(Mark::Assign) {
                        "to compare, write `==`"
                    } else {
                        "only variables can"
                    };
                    return Err(self.error("not-a-variable", message, span, help));
                }
            }
        };
        indexes.reverse();
        Ok(Place { root, indexes })
    }
}

/// The operator a mark stands for, and how tight it binds.
fn infix(kind: &TokenKind) -> Option<(Infix, u8)> {
    let TokenKind::Mark(mark) = kind else { return None };
    let (operator, power) = match mark {
        Mark::Question => return Some((Infix::Question, TERNARY_POWER)),
        Mark::Or => return Some((Infix::Or, 2)),
        Mark::And => return Some((Infix::And, 3)),
        Mark::BitOr => (BinaryOperator::BitOr, 4),
        Mark::BitXor => (BinaryOperator::BitXor, 5),
        Mark::BitAnd => (BinaryOperator::BitAnd, 6),
        Mark::Equal => (BinaryOperator::Equal, 7),
        Mark::NotEqual => (BinaryOperator::NotEqual, 7),
        Mark::Less => (BinaryOperator::Less, 8),
        Mark::LessOrEqual => (BinaryOperator::LessOrEqual, 8),
        Mark::Greater => (BinaryOperator::Greater, 8),
        Mark::GreaterOrEqual => (BinaryOperator::GreaterOrEqual, 8),
        Mark::ShiftLeft => (BinaryOperator::ShiftLeft, 9),
        Mark::ShiftRight => (BinaryOperator::ShiftRight, 9),
        Mark::Plus => (BinaryOperator::Add, 10),
        Mark::Minus => (BinaryOperator::Subtract, 10),
        Mark::Dot => (BinaryOperator::Concat, 10),
        Mark::Star => (BinaryOperator::Multiply, 11),
        Mark::Slash => (BinaryOperator::Divide, 11),
        Mark::Percent => (BinaryOperator::Remainder, 11),
        _ => return None,
    };
    Some((Infix::Binary(operator), power))
}

/// The operator of an assignment mark: `Some( None )` for `=`, `None` for what assigns nothing.
#[expect(clippy::option_option, reason = "whether it assigns, and whether it computes before")]
fn assignment(mark: Mark) -> Option<Option<BinaryOperator>> {
    Some(match mark {
        Mark::Assign => None,
        Mark::AddAssign => Some(BinaryOperator::Add),
        Mark::SubtractAssign => Some(BinaryOperator::Subtract),
        Mark::MultiplyAssign => Some(BinaryOperator::Multiply),
        Mark::DivideAssign => Some(BinaryOperator::Divide),
        Mark::RemainderAssign => Some(BinaryOperator::Remainder),
        Mark::ConcatAssign => Some(BinaryOperator::Concat),
        Mark::BitAndAssign => Some(BinaryOperator::BitAnd),
        Mark::BitOrAssign => Some(BinaryOperator::BitOr),
        Mark::BitXorAssign => Some(BinaryOperator::BitXor),
        Mark::ShiftLeftAssign => Some(BinaryOperator::ShiftLeft),
        Mark::ShiftRightAssign => Some(BinaryOperator::ShiftRight),
        _ => return None,
    })
}
