//! The thread that owns a device.

use crate::grants::{Grants, reserve_host};
use crate::held;
use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DriverError, sys::CUresult};
use orp_core::contract::BufferId;
use orp_core::error::{ErrorKind, ProviderError};
use orp_core::id::{DeviceId, IdempotencyKey};
use orp_core::unit::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// How many calls may wait for a device; further ones wait to wait.
const WAITING_MAX: usize = 64;

type Work = Box<dyn FnOnce(&mut Worker) + Send>;

/// The way to the thread of a device. The thread ends, and gives back what it holds, with the last of these.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    waiting: mpsc::Sender<Work>,
}

impl Owner {
    /// Starts the thread.
    pub(super) fn start(operation: &'static str, mut worker: Worker) -> Result<Self, ProviderError> {
        let (waiting, mut arriving) = mpsc::channel::<Work>(WAITING_MAX);
        let serve = move || {
            while let Some(work) = arriving.blocking_recv() {
                work(&mut worker);
            }
        };
        let started = thread::Builder::new().name("orp-cuda-device".into()).spawn(serve);
        started.map_err(|error| {
            ProviderError::new(ErrorKind::Unavailable, operation, "no thread could be started").with_source(error)
        })?;
        Ok(Self { waiting })
    }

    /// Has the thread do something and waits for the answer. What was handed over is done, also when the wait is
    /// cancelled.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Worker) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let lost = || ProviderError::new(ErrorKind::Lost, operation, "the thread of the device ended");
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |worker| drop(reply.send(work(worker))));
        self.waiting.send(work).await.map_err(|_| lost())?;
        answer.await.map_err(|_| lost())?
    }
}

/// What a device's thread holds of it.
#[derive(Debug)]
pub(super) struct Worker {
    ordinal: usize,
    device: DeviceId,
    grants: Arc<Mutex<Grants>>,
    stream: Option<Arc<CudaStream>>,
    buffers: BTreeMap<BufferId, CudaSlice<u8>>,
}

impl Worker {
    /// Holds nothing yet.
    pub(super) fn new(ordinal: usize, device: DeviceId, grants: Arc<Mutex<Grants>>) -> Self {
        Self { ordinal, device, grants, stream: None, buffers: BTreeMap::new() }
    }

    /// Memory in use by anyone; not known before a context was made, and no reason to make one.
    pub(super) fn used(&mut self) -> Result<Option<Bytes>, ProviderError> {
        let Some(stream) = &self.stream else { return Ok(None) };
        let (free, total) = stream.context().mem_get_info().map_err(|error| self.error("sample", error))?;
        Ok(Some(Bytes::new(total.saturating_sub(free) as u64)))
    }

    /// Books and makes a buffer of zeros.
    pub(super) fn allocate(&mut self, key: &IdempotencyKey, size: Bytes) -> Result<BufferId, ProviderError> {
        let buffer = held(&self.grants).reserve(key, size)?;
        let made = self.stream().and_then(|stream| {
            let slice = stream.alloc_zeros(usize::try_from(size.get()).unwrap_or(usize::MAX))?;
            stream.synchronize().map(|()| slice)
        });
        match made {
            Ok(slice) => {
                self.buffers.insert(buffer, slice);
                Ok(buffer)
            }
            Err(error) => {
                held(&self.grants).free(key, buffer)?;
                Err(self.error("allocate", error))
            }
        }
    }

    /// Frees a buffer.
    pub(super) fn free(&mut self, key: &IdempotencyKey, buffer: BufferId) -> Result<(), ProviderError> {
        // The memory first: once the book says that it is free, it is.
        held(&self.grants).size("free", key, buffer)?;
        let freed = self.drop_buffers("free", [buffer]);
        held(&self.grants).free(key, buffer)?;
        freed
    }

    /// Gives a grant back with its buffers.
    pub(super) fn release(&mut self, key: &IdempotencyKey) -> Result<(), ProviderError> {
        // The other way round: what is admitted now allocates on this thread, after the memory was freed.
        let buffers = held(&self.grants).release(key)?;
        self.drop_buffers("release", buffers)
    }

    /// Copies to a buffer. The copy is over when this returns: the content is the caller's.
    pub(super) fn write(&mut self, buffer: BufferId, content: &[u8]) -> Result<(), ProviderError> {
        let stream = self.stream().map_err(|error| self.error("write", error))?;
        let Some(slice) = self.buffers.get_mut(&buffer) else { return Err(freed("write", buffer)) };
        if content.is_empty() {
            return Ok(());
        }
        let copied = stream.memcpy_htod(content, slice);
        let over = stream.synchronize();
        copied.and(over).map_err(|error| self.error("write", error))
    }

    /// Copies a buffer of this size back.
    pub(super) fn read(&mut self, buffer: BufferId, size: Bytes) -> Result<Vec<u8>, ProviderError> {
        let mut content = Vec::new();
        reserve_host("read", &mut content, size)?;
        let stream = self.stream().map_err(|error| self.error("read", error))?;
        let Some(slice) = self.buffers.get(&buffer) else { return Err(freed("read", buffer)) };
        content.resize(slice.len(), 0);
        let copied = stream.memcpy_dtoh(slice, &mut content);
        let over = stream.synchronize();
        copied.and(over).map_err(|error| self.error("read", error))?;
        Ok(content)
    }

    /// The stream on which everything is done, and with it the context.
    fn stream(&mut self) -> Result<Arc<CudaStream>, DriverError> {
        if let Some(stream) = &self.stream {
            return Ok(stream.clone());
        }
        let stream = CudaContext::new(self.ordinal)?.new_stream()?;
        Ok(self.stream.insert(stream).clone())
    }

    fn drop_buffers(
        &mut self,
        operation: &'static str,
        buffers: impl IntoIterator<Item = BufferId>,
    ) -> Result<(), ProviderError> {
        for buffer in buffers {
            drop(self.buffers.remove(&buffer));
        }
        let Some(stream) = &self.stream else { return Ok(()) };
        // Memory is freed in the order of the stream, and errors of drops are kept by the context.
        let over = stream.synchronize().and_then(|()| stream.context().check_err());
        over.map_err(|error| self.error(operation, error))
    }

    /// What the driver said, as an error of the contract.
    fn error(&self, operation: &'static str, error: DriverError) -> ProviderError {
        let kind = match error.0 {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => ErrorKind::Exhausted,
            // After these the context, or the device, is of no more use.
            CUresult::CUDA_ERROR_ECC_UNCORRECTABLE
            | CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
            | CUresult::CUDA_ERROR_LAUNCH_FAILED
            | CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED
            | CUresult::CUDA_ERROR_DEINITIALIZED => ErrorKind::Lost,
            _ => ErrorKind::Unavailable,
        };
        let text = error.error_string().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        ProviderError::new(kind, operation, format!("the driver said {:?}: {text}", error.0))
            .with_context("device", &self.device)
    }
}

/// A buffer that was freed between the look into the book and the call.
fn freed(operation: &'static str, buffer: BufferId) -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, operation, format!("the buffer `{}` was freed", buffer.0))
}
