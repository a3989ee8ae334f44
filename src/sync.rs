//! The locks and atomics of the mailbox queue, the table of ids and the parking of threads: what loom tries in every order.
//!
//! Ordinarily these are parking_lot's and std's. The tests called `loom_` are built with `--cfg erlnode_loom` (`make sanitize`), and
//! get loom's, behind the same interface.

#[cfg(not(all(test, erlnode_loom)))]
pub(crate) use self::real::*;

#[cfg(all(test, erlnode_loom))]
pub(crate) use self::tried::*;

#[cfg(not(all(test, erlnode_loom)))]
mod real {
    pub(crate) use parking_lot::{Mutex, RwLock};
    pub(crate) use std::sync::atomic::{fence, AtomicBool, AtomicPtr};
    pub(crate) use std::thread::{current, park, Thread};
}

#[cfg(all(test, erlnode_loom))]
mod tried {
    use std::sync::atomic::Ordering;
    use std::sync::OnceLock;

    use loom::sync;
    pub(crate) use loom::sync::atomic::{fence, AtomicBool};
    pub(crate) use loom::thread::{current, park, Thread};

    /// A lock without poison.
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> sync::MutexGuard<'_, T> {
            self.0.lock().expect("no poison")
        }
    }

    /// A lock for many readers, without poison.
    pub(crate) struct RwLock<T>(sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            RwLock(sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> sync::RwLockReadGuard<'_, T> {
            self.0.read().expect("no poison")
        }

        pub(crate) fn write(&self) -> sync::RwLockWriteGuard<'_, T> {
            self.0.write().expect("no poison")
        }
    }

    /// A pointer that starts as null: loom's own cannot be made in a constant.
    pub(crate) struct AtomicPtr<T>(OnceLock<sync::atomic::AtomicPtr<T>>);

    impl<T> AtomicPtr<T> {
        pub(crate) const fn new(_null: *mut T) -> Self {
            AtomicPtr(OnceLock::new())
        }

        fn inner(&self) -> &sync::atomic::AtomicPtr<T> {
            self.0.get_or_init(|| sync::atomic::AtomicPtr::new(std::ptr::null_mut()))
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            self.inner().load(order)
        }

        pub(crate) fn compare_exchange(
            &self,
            current: *mut T,
            new: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            self.inner().compare_exchange(current, new, success, failure)
        }
    }
}
