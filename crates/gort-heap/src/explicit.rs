//! The explicit side (to come).
use crate::inner::Inner;
use crate::record::CacheRec;
use gort_sys::Backend;
impl<B: Backend> Inner<B> {
    pub(crate) fn explicit_flush(&self, rec: &CacheRec) {
        self.flush_pages(rec);
    }
}
