//! Which reserves of a stream are still being decided: what settles them waits for those that came before it. Part of `work`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// See the file's page.
#[derive(Clone, Debug, Default)]
pub(super) struct Order(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: Mutex<(u64, BTreeSet<u64>)>,
    ended: Notify,
}

/// One that is being decided, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    order: Order,
    number: u64,
}

impl Order {
    /// The next one begins.
    pub(super) fn begin(&self) -> Turn {
        let mut open = self.open();
        open.0 += 1;
        let number = open.0;
        open.1.insert(number);
        drop(open);
        Turn {
            order: self.clone(),
            number,
        }
    }

    /// Waits until all that have begun by now are decided.
    pub(super) fn before(&self) -> impl Future<Output = ()> + Send + use<> {
        let (last, order) = (self.open().0, self.clone());
        async move {
            loop {
                let ended = order.0.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if order.open().1.first().is_none_or(|first| *first > last) {
                    return;
                }
                ended.await;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, (u64, BTreeSet<u64>)> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.order.open().1.remove(&self.number);
        self.order.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn what_came_before_is_waited_for_and_what_comes_after_is_not() {
        let order = Order::default();
        assert_eq!(order.before().now_or_never(), Some(()));
        let (first, second) = (order.begin(), order.begin());
        let mut before = Box::pin(order.before());
        let third = order.begin();
        assert_eq!((&mut before).now_or_never(), None);
        drop(second);
        assert_eq!((&mut before).now_or_never(), None);
        drop(first);
        assert_eq!((&mut before).now_or_never(), Some(()));
        drop(third);
    }
}
