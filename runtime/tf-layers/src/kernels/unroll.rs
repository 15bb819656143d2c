//! Loops that are unrolled before the compiler sees them.

/// Pastes `body` for each `index` from 0 to below `count`, as a constant; `count` is constant and at most the number
/// that stands first: 1, 4, 8, 14 or 17. Or for each `index` of a list.
macro_rules! unroll {
    ([$($literal:literal)+], $index:ident, $body:block) => {{ $(
        {
            const $index: usize = $literal;
            $body
        }
    )+ }};
    (1, $index:ident, $count:expr, $body:block) => {
        unroll!(@ $index, $count, $body, 0)
    };
    (4, $index:ident, $count:expr, $body:block) => {
        unroll!(@ $index, $count, $body, 0 1 2 3)
    };
    (8, $index:ident, $count:expr, $body:block) => {
        unroll!(@ $index, $count, $body, 0 1 2 3 4 5 6 7)
    };
    (14, $index:ident, $count:expr, $body:block) => {
        unroll!(@ $index, $count, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (17, $index:ident, $count:expr, $body:block) => {
        unroll!(@ $index, $count, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    };
    (@ $index:ident, $count:expr, $body:block, $($literal:literal)+) => {{ $(
        // A constant, so that what is left out does not even reach LLVM.
        if const { $literal < $count } {
            const $index: usize = $literal;
            $body
        }
    )+ }};
}
pub(super) use unroll;
