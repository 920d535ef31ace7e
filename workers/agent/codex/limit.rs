//! When the account's limit ends: from the structured news about it, and from the words of the error where there was
//! none.

use jiff::civil::{DateTime, Time};
use jiff::{ToSpan as _, Zoned};
use serde_json::Value;

/// Of what may be used, the share from which it is worth a line.
const NEAR_PERCENT: f64 = 90.0;

/// What is known of the account's limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Unix seconds at which the window ends that is used up.
    resets_at: Option<u64>,
}

impl Limits {
    /// Takes `account/rateLimits/updated`. What it says is worth a line when a limit is near or reached.
    pub(super) fn news(&mut self, params: &Value) -> Option<String> {
        let news = &params["rateLimits"];
        let mut told = None;
        for name in ["primary", "secondary"] {
            let window = &news[name];
            let Some(used) = window["usedPercent"].as_f64() else { continue };
            let resets_at = window["resetsAt"].as_u64();
            if used >= 100.0 {
                // Both may be used up: it ends with the later one.
                self.resets_at = self.resets_at.max(resets_at);
            }
            if used >= NEAR_PERCENT {
                told = Some(format!("usage limit ({name}): {used:.0} % used"));
            }
        }
        told
    }

    /// When a limit that an error tells of ends.
    pub(super) fn until(&self, message: &str, now: &Zoned) -> Option<u64> {
        self.resets_at.or_else(|| said(message, now))
    }
}

/// The time in `... try again at 5:51 AM.` or `... try again at Oct 2nd, 2096 7:06 AM.`, which Codex writes in the
/// machine's own time zone.
fn said(message: &str, now: &Zoned) -> Option<u64> {
    let (_, rest) = message.split_once("try again at ")?;
    let half = ["AM", "PM"].into_iter().filter_map(|half| rest.find(half)).min()?;
    let words = rest.get(..half + 2)?;
    let at = match DateTime::strptime("%b %d, %Y %I:%M %p", without_ordinal(words)) {
        Ok(at) => at,
        Err(_) => nearest(Time::strptime("%I:%M %p", words).ok()?, now)?,
    };
    let at = at.to_zoned(now.time_zone().clone()).ok()?;
    // It tells the minute and leaves out the seconds: a minute later the limit is over for certain.
    u64::try_from(at.timestamp().as_second()).ok().map(|at| at + 60)
}

/// The day of a time of day: Codex tells a day where it is not today's, so that of yesterday's, today's and tomorrow's it is
/// the one that is nearest. One that passed just now is over, and not tomorrow's.
fn nearest(time: Time, now: &Zoned) -> Option<DateTime> {
    let today = now.date().to_datetime(time);
    let days = [today.checked_sub(1.day()).ok()?, today, today.checked_add(1.day()).ok()?];
    days.into_iter().min_by_key(|day| now.datetime().duration_until(*day).abs())
}

/// `Oct 2nd, 2096` as `Oct 2, 2096`.
fn without_ordinal(words: &str) -> String {
    let Some((day, rest)) = words.split_once(',') else { return words.to_owned() };
    format!("{},{rest}", day.trim_end_matches(|c: char| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Zoned {
        "2026-11-20T23:30:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    fn second(text: &str) -> Option<u64> {
        Some(text.parse::<jiff::Timestamp>().unwrap().as_second() as u64)
    }

    #[test]
    fn a_window_that_is_used_up_says_when_it_ends_and_later_news_do_not_unsay_it() {
        let mut limits = Limits::default();
        let news = |primary: Value| json!({"rateLimits": {"primary": primary, "secondary": null}});
        assert_eq!(limits.news(&news(Value::Null)), None);
        assert_eq!(limits.news(&news(json!({"usedPercent": 40, "resetsAt": 5}))), None);
        let near = limits.news(&news(json!({"usedPercent": 93, "resetsAt": 5})));
        assert_eq!(near.as_deref(), Some("usage limit (primary): 93 % used"));
        assert_eq!(limits.until("", &now()), None);
        limits.news(&news(json!({"usedPercent": 100, "resetsAt": 7})));
        limits.news(&news(Value::Null));
        assert_eq!(limits.until("try again at 5:51 AM.", &now()), Some(7));
    }

    #[test]
    fn a_time_in_words_is_the_nearest_one_of_that_name_in_our_time_zone_and_its_minute_is_over() {
        let at = |words: &str| Limits::default().until(words, &now());
        let before = "You’ve hit your usage limit. Visit a page to purchase more credits or";
        let at_five = at(&format!("{before} try again at 5:51 AM."));
        assert_eq!(at_five, second("2026-11-21T04:52:00Z"));
        let tonight = at(&format!("{before} try again at 11:45 PM."));
        assert_eq!(tonight, second("2026-11-20T22:46:00Z"));
        // It was told in the minute in which the limit ends, or has passed while we heard of it: not tomorrow's.
        assert_eq!(at(&format!("{before} try again at 11:30 PM.")), second("2026-11-20T22:31:00Z"));
        assert_eq!(at(&format!("{before} try again at 11:28 PM.")), second("2026-11-20T22:29:00Z"));
        let after_midnight = "2026-11-21T00:00:05+01:00[Europe/Berlin]".parse().unwrap();
        let late = Limits::default().until("try again at 11:59 PM.", &after_midnight);
        assert_eq!(late, second("2026-11-20T23:00:00Z"));
        let dated = at(&format!("{before} try again at Dec 2nd, 2026 7:06 AM."));
        assert_eq!(dated, second("2026-12-02T06:07:00Z"));
        for odd in
            ["", "try again at", "try again at noon.", "try again at 55:99 AM", "try again later"]
        {
            assert_eq!(at(odd), None, "{odd}");
        }
    }
}
