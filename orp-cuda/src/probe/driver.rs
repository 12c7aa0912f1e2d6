//! The calls into the driver's library, all of the crate's unsafe code.
//!
//! Signatures and numbers are those of the CUDA driver API, which does not change what a name once meant.

use super::Discovery;
use crate::model::model;
use libloading::Library;
use orp_core::contract::{Availability, Device};
use orp_core::id::DeviceId;
use orp_core::unit::Bytes;
use std::error::Error as _;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::path::PathBuf;
use uuid::Uuid;

/// `CUresult`.
type Code = c_int;
const SUCCESS: Code = 0;
const STUB_LIBRARY: Code = 34;
const NO_DEVICE: Code = 100;

/// Every function that is called here or by the part of `cudarc` that `CudaBackend` uses: `cudarc` panics at the
/// first call of one that is missing, so all of them are looked for before the first call of any. The youngest of them,
/// `cuDeviceGetUuid_v2`, came with CUDA 11.4.
const REQUIRED: &[&str] = &[
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetUuid_v2",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventRecord",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuInit",
    "cuMemAllocAsync",
    "cuMemAlloc_v2",
    "cuMemFreeAsync",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemsetD8Async",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// Looks at the first of these libraries that opens.
pub(super) fn look(libraries: &[PathBuf]) -> Discovery {
    let found = open(libraries).and_then(Driver::new).and_then(|driver| {
        let devices = driver.devices()?;
        let count = u32::try_from(devices.len()).unwrap_or(u32::MAX);
        Ok(Discovery { availability: Availability::Ready { devices: count, driver: driver.version()? }, devices })
    });
    found.unwrap_or_else(Discovery::none)
}

fn open(libraries: &[PathBuf]) -> Result<Library, Availability> {
    let mut details = Vec::new();
    for path in libraries {
        // SAFETY: opening a library runs its initialisers. Those of the driver have no preconditions; which other library
        // is opened instead is the caller's choice, who vouches for it.
        match unsafe { Library::new(path) } {
            Ok(library) => return Ok(library),
            Err(error) => details.push(said(&error)),
        }
    }
    Err(Availability::NoDriver { detail: details.join("; ") })
}

/// What the system said, with the name of the library: that is the error's source, where there is one.
fn said(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// The functions of the driver that discovery calls. Those that write through a pointer write one value of its type, but
/// for `name`, which writes at most as many bytes as its second argument says.
struct Driver {
    init: unsafe extern "C" fn(c_uint) -> Code,
    version: unsafe extern "C" fn(*mut c_int) -> Code,
    error_name: unsafe extern "C" fn(Code, *mut *const c_char) -> Code,
    count: unsafe extern "C" fn(*mut c_int) -> Code,
    device: unsafe extern "C" fn(*mut c_int, c_int) -> Code,
    name: unsafe extern "C" fn(*mut c_char, c_int, c_int) -> Code,
    uuid: unsafe extern "C" fn(*mut [u8; 16], c_int) -> Code,
    memory: unsafe extern "C" fn(*mut usize, c_int) -> Code,
}

impl Driver {
    /// The functions, if the library has all that are required. Nothing of it is called.
    fn new(library: Library) -> Result<Self, Availability> {
        // SAFETY: no symbol is called or read as something here, so that its type does not matter.
        let has = |name: &&str| unsafe { library.get::<*const ()>(*name) }.is_ok();
        let missing: Vec<&str> = REQUIRED.iter().copied().filter(|name| !has(name)).collect();
        if !missing.is_empty() {
            return Err(Availability::DriverTooOld { missing: summary(&missing) });
        }
        // SAFETY: each type above is the signature that `cuda.h` declares for the name here.
        let driver = unsafe {
            Self {
                init: symbol(&library, "cuInit")?,
                version: symbol(&library, "cuDriverGetVersion")?,
                error_name: symbol(&library, "cuGetErrorName")?,
                count: symbol(&library, "cuDeviceGetCount")?,
                device: symbol(&library, "cuDeviceGet")?,
                name: symbol(&library, "cuDeviceGetName")?,
                uuid: symbol(&library, "cuDeviceGetUuid_v2")?,
                memory: symbol(&library, "cuDeviceTotalMem_v2")?,
            }
        };
        // Never closed: the functions are called later, and an initialised driver has threads of its own.
        std::mem::forget(library);
        Ok(driver)
    }

    /// Initialises the driver and asks for its devices.
    fn devices(&self) -> Result<Vec<Device>, Availability> {
        // SAFETY: `cuInit` may be called at any time from any thread, with 0.
        match unsafe { (self.init)(0) } {
            NO_DEVICE => return Err(Availability::NoDevice),
            STUB_LIBRARY => {
                let detail = "the library is the toolkit's stub, which is for linking only".into();
                return Err(Availability::NoDriver { detail });
            }
            code => self.check("cuInit", code)?,
        }
        let mut count = 0;
        // SAFETY: the driver is initialised, and the pointer is to an `int`.
        self.check("cuDeviceGetCount", unsafe { (self.count)(&mut count) })?;
        if count <= 0 {
            return Err(Availability::NoDevice);
        }
        (0..count).map(|ordinal| self.describe(ordinal)).collect()
    }

    fn describe(&self, ordinal: c_int) -> Result<Device, Availability> {
        let (mut device, mut memory, mut uuid, mut name) = (0, 0_usize, [0; 16], [0_u8; 256]);
        // SAFETY: the driver is initialised, and the pointer is to a `CUdevice`, an `int`.
        self.check("cuDeviceGet", unsafe { (self.device)(&mut device, ordinal) })?;
        // SAFETY: `device` is the driver's; the pointer is to a `size_t`.
        self.check("cuDeviceTotalMem_v2", unsafe { (self.memory)(&mut memory, device) })?;
        // SAFETY: `device` is the driver's; the pointer is to a `CUuuid`, 16 bytes.
        self.check("cuDeviceGetUuid_v2", unsafe { (self.uuid)(&mut uuid, device) })?;
        // SAFETY: `device` is the driver's; the pointer is to as many bytes as is said.
        let code = unsafe { (self.name)(name.as_mut_ptr().cast(), name.len() as c_int, device) };
        self.check("cuDeviceGetName", code)?;

        let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy().into_owned();
        let memory = Bytes::new(memory as u64);
        // As the maker's own tools print it: partitions have their own prefix.
        let prefix = if name.contains(" MIG ") { "MIG" } else { "GPU" };
        let id = DeviceId::new(format!("{prefix}-{}", Uuid::from_bytes(uuid)));
        let id = id.map_err(|error| Availability::Failed { detail: error.to_string() })?;
        let model = model(&name, memory);
        Ok(Device::new(id, name, model, memory))
    }

    /// The CUDA version the driver has: `13.0`.
    fn version(&self) -> Result<String, Availability> {
        let mut version = 0;
        // SAFETY: the pointer is to an `int`.
        self.check("cuDriverGetVersion", unsafe { (self.version)(&mut version) })?;
        Ok(format!("{}.{}", version / 1000, version % 1000 / 10))
    }

    /// Whether a call succeeded; if not, what it returned, by name.
    fn check(&self, call: &str, code: Code) -> Result<(), Availability> {
        if code == SUCCESS {
            return Ok(());
        }
        let mut name = std::ptr::null();
        // SAFETY: the pointer is to a `const char *`, which is set to a constant of the driver or, with an error, to null.
        let named = unsafe { (self.error_name)(code, &mut name) } == SUCCESS && !name.is_null();
        // SAFETY: a name that is not null is a constant of the driver that ends in a zero; the driver is never unloaded.
        let name = if named { unsafe { CStr::from_ptr(name) }.to_string_lossy() } else { "an unknown error".into() };
        Err(Availability::Failed { detail: format!("{call} returned {name} ({code})") })
    }
}

/// A function of the library.
///
/// # Safety
///
/// `T` is the type of that function, and the library stays open as long as it is called.
unsafe fn symbol<T: Copy>(library: &Library, name: &'static str) -> Result<T, Availability> {
    // SAFETY: as the caller vouches.
    match unsafe { library.get::<T>(name) } {
        Ok(symbol) => Ok(*symbol),
        Err(_) => Err(Availability::DriverTooOld { missing: name.into() }),
    }
}

/// The first few names, and how many more there are.
fn summary(missing: &[&str]) -> String {
    const NAMED: usize = 3;
    let named: Vec<_> = missing.iter().take(NAMED).copied().collect();
    match missing.len() {
        count if count > NAMED => format!("{} and {} more", named.join(", "), count - NAMED),
        _ => named.join(", "),
    }
}
