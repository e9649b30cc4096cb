// SPDX-License-Identifier: Apache-2.0
//! What lines of charts are: by that they have their colours and dashes, which are the same in pictures and in the page.

/// What a line is. Each has a colour of its own in both themes, and a pattern of dashes where two could be taken for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What was asked for.
    Asked,
    /// What came.
    Achieved,
    /// Users.
    Users,
    /// The median.
    Median,
    /// The 95th percentile.
    High,
    /// The 99th percentile.
    Highest,
    /// Errors.
    Errors,
    /// What the autoscaler wants.
    Desired,
    /// What exists.
    Current,
    /// What serves.
    Ready,
    /// What the load asks for.
    Demand,
    /// How much of something is used.
    Used,
    /// What somebody else keeps it at.
    Target,
}

impl Role {
    /// Its class, and the name of its colour.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Achieved => "achieved",
            Self::Users => "users",
            Self::Median => "median",
            Self::High => "high",
            Self::Highest => "highest",
            Self::Errors => "errors",
            Self::Desired => "desired",
            Self::Current => "current",
            Self::Ready => "ready",
            Self::Demand => "demand",
            Self::Used => "used",
            Self::Target => "target",
        }
    }

    /// Lengths of its dashes and of the gaps between them; empty for a line without any.
    pub(crate) const fn dashes(self) -> &'static [u8] {
        match self {
            Self::Achieved | Self::High | Self::Errors | Self::Ready | Self::Used | Self::Users => &[],
            Self::Asked | Self::Desired | Self::Target => &[7, 4],
            Self::Median | Self::Current => &[2, 3],
            Self::Highest => &[5, 2],
            Self::Demand => &[1, 3],
        }
    }
}
