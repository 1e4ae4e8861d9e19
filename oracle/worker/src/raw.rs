//! CPython beneath its stable ABI: a few functions it exports without promising them, and the
//! few structures whose layout did not change from 3.9 on. [`crate::layout`] and
//! the self-check prove at start that the assumptions hold.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::hash::{BuildHasherDefault, Hasher};

use pyo3::ffi;

/// Any object.
pub type P = *mut ffi::PyObject;

/// `METH_FASTCALL`, unchanged since 3.7, in the limited API only since 3.10.
pub const METH_FASTCALL: i32 = 0x0080;

/// `PyMethodDef`, whose `ml_meth` is seen as a plain pointer.
#[repr(C)]
pub struct MethodDef {
    pub name: *const c_char,
    pub meth: FastCall,
    pub flags: i32,
    pub doc: *const c_char,
}

// SAFETY: the pointers are to static strings.
unsafe impl Sync for MethodDef {}

/// A function under `METH_FASTCALL`.
pub type FastCall = unsafe extern "C" fn(P, *const P, isize) -> P;

unsafe extern "C" {
    pub fn PyDescr_NewMethod(class: *mut ffi::PyTypeObject, def: *const MethodDef) -> P;
    pub fn PyCFunction_NewEx(def: *const MethodDef, slf: P, module: P) -> P;
    pub fn PyErr_Fetch(class: *mut P, value: *mut P, traceback: *mut P);
    pub fn PyErr_Restore(class: P, value: P, traceback: P);
    pub fn PyEval_SetProfile(function: Option<ProfileFunction>, argument: P);
    pub fn PyFrame_GetCode(frame: P) -> P;
    pub fn PyFunction_GetCode(function: P) -> P;
    pub fn PyFunction_GetDefaults(function: P) -> P;
    pub fn PyFunction_GetKwDefaults(function: P) -> P;
    pub fn PyObject_GenericGetDict(object: P, context: *mut c_void) -> P;
    pub fn PySys_AddAuditHook(hook: AuditHook, data: *mut c_void) -> c_int;
    pub fn PyUnicode_AsUTF8AndSize(object: P, len: *mut isize) -> *const c_char;
    static mut PyCFunction_Type: ffi::PyTypeObject;
    static mut PyCMethod_Type: ffi::PyTypeObject;
    static mut PyFunction_Type: ffi::PyTypeObject;
    static mut PyMethod_Type: ffi::PyTypeObject;
    static mut PyStaticMethod_Type: ffi::PyTypeObject;
    static mut PyMethodDescr_Type: ffi::PyTypeObject;
    static mut PyWrapperDescr_Type: ffi::PyTypeObject;
    static mut PyClassMethodDescr_Type: ffi::PyTypeObject;
}

/// A C profile function.
pub type ProfileFunction = unsafe extern "C" fn(P, P, c_int, P) -> c_int;
/// A C audit hook.
pub type AuditHook = unsafe extern "C" fn(*const c_char, P, *mut c_void) -> c_int;

/// Offsets of fields on 64-bit platforms, the same from 3.9 to 3.13. The self-check proves them.
pub mod offset {
    /// `ob_size` of what has a variable size.
    pub const SIZE: usize = 16;
    /// `data` of the C unpickler's stack, `Pdata`.
    pub const STACK_ITEMS: usize = 24;
    pub const TYPE_NAME: usize = 24;
    pub const TYPE_SEQUENCE: usize = 104;
    pub const TYPE_MAPPING: usize = 112;
    pub const TYPE_HASH: usize = 120;
    pub const TYPE_CALL: usize = 128;
    pub const TYPE_GETATTRO: usize = 144;
    pub const TYPE_SETATTRO: usize = 152;
    pub const TYPE_FLAGS: usize = 168;
    pub const TYPE_COMPARE: usize = 200;
    pub const TYPE_BASE: usize = 256;
    pub const TYPE_DICT: usize = 264;
    pub const TYPE_NEW: usize = 312;
    pub const TYPE_MRO: usize = 344;
    /// `mp_ass_subscript` of `PyMappingMethods`.
    pub const MAPPING_SET: usize = 16;
    /// `sq_ass_item` of `PySequenceMethods`.
    pub const SEQUENCE_SET: usize = 40;
    pub const TYPE_VERSION: usize = 384;
    pub const CFUNCTION_DEF: usize = 16;
    pub const CFUNCTION_SELF: usize = 24;
    pub const CFUNCTION_MODULE: usize = 32;
    pub const METHOD_FUNCTION: usize = 16;
    pub const STATIC_METHOD_FUNCTION: usize = 16;
    pub const METHOD_WRAPPER_DESCR: usize = 16;
    pub const DESCR_TYPE: usize = 16;
    pub const DESCR_NAME: usize = 24;
    /// `d_method` of a method descriptor.
    pub const DESCR_METHOD: usize = 40;
    /// `d_wrapped` of a wrapper descriptor.
    pub const DESCR_WRAPPED: usize = 48;
    /// `Py_TPFLAGS_HEAPTYPE`.
    pub const HEAP_TYPE: u64 = 1 << 9;
    /// `Py_TPFLAGS_HAVE_VECTORCALL`.
    pub const HAVE_VECTORCALL: u64 = 1 << 11;
    /// `Py_TPFLAGS_VALID_VERSION_TAG`: in 3.9 a changed class loses it and keeps the number.
    pub const VALID_VERSION: u64 = 1 << 19;
}

macro_rules! type_getters {
    ($($name:ident $type:ident),*) => {
        $(
            /// The type of that name.
            pub fn $name() -> *mut ffi::PyTypeObject {
                &raw mut $type
            }
        )*
    };
}
type_getters!(
    function_type PyFunction_Type,
    method_type PyMethod_Type,
    wrapper_descr_type PyWrapperDescr_Type
);

/// Whether instances of the type are C functions, bound or not. Those that are told their class
/// when called (PEP 573) have a type of their own, with the same fields first.
pub fn is_c_function(class: *mut ffi::PyTypeObject) -> bool {
    class == &raw mut PyCFunction_Type || class == &raw mut PyCMethod_Type
}

/// Whether instances of the type are descriptors of C methods.
pub fn is_descriptor(class: *mut ffi::PyTypeObject) -> bool {
    class == &raw mut PyMethodDescr_Type
        || class == &raw mut PyWrapperDescr_Type
        || class == &raw mut PyClassMethodDescr_Type
}

/// Whether instances of the type are descriptors of methods with a `PyMethodDef`.
pub fn is_method_descriptor(class: *mut ffi::PyTypeObject) -> bool {
    class == &raw mut PyMethodDescr_Type || class == &raw mut PyClassMethodDescr_Type
}

/// No object.
pub const fn null() -> P {
    std::ptr::null_mut()
}

/// Whether so many bytes from there, where an object could begin, are memory of this process.
pub fn is_mapped<T>(start: *const T, len: usize) -> bool {
    const PAGE: usize = 4096;
    let address = start as usize;
    let Some(end) = address.checked_add(len) else { return false };
    let first = address & !(PAGE - 1);
    // SAFETY: normal is how memory is anyhow; the kernel refuses what is not mapped.
    address.is_multiple_of(8)
        && unsafe { libc::madvise(first as *mut c_void, end - first, libc::MADV_NORMAL) } == 0
}

/// What a `staticmethod` stands for; anything else itself.
///
/// # Safety
/// A live object or null.
pub unsafe fn static_method(object: P) -> P {
    // SAFETY: the caller's promise; the type is checked before the field is read.
    unsafe {
        if object.is_null() || ffi::Py_TYPE(object) != &raw mut PyStaticMethod_Type {
            return object;
        }
        field(object, offset::STATIC_METHOD_FUNCTION)
    }
}

/// Whether an object is exactly a list, set or dictionary.
///
/// # Safety
/// A live object.
pub unsafe fn is_plain_container(object: P) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        ffi::PyList_CheckExact(object) != 0
            || ffi::PyDict_CheckExact(object) != 0
            || ffi::Py_TYPE(object) == &raw mut ffi::PySet_Type
    }
}

/// Whether the type has this name.
///
/// # Safety
/// `class` is a live type.
pub unsafe fn type_is_named(class: *mut ffi::PyTypeObject, name: &str) -> bool {
    // SAFETY: the caller's promise; a type's name is a C string.
    unsafe { CStr::from_ptr(field(class.cast(), offset::TYPE_NAME)).to_bytes() == name.as_bytes() }
}

/// An attribute of a type, a new reference or null, looked up by `type` itself whatever the
/// metaclass.
unsafe fn of_type(class: P, name: &CStr) -> P {
    // SAFETY: the caller's promise; references are released.
    unsafe {
        let name = ffi::PyUnicode_FromString(name.as_ptr());
        if name.is_null() {
            ffi::PyErr_Clear();
            return name;
        }
        let getattro: unsafe extern "C" fn(P, P) -> P =
            field((&raw mut ffi::PyType_Type).cast(), offset::TYPE_GETATTRO);
        let value = getattro(class, name);
        ffi::Py_DecRef(name);
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        value
    }
}

/// A text attribute of a type, looked up by `type` itself whatever the metaclass.
///
/// # Safety
/// `class` is a live type, the GIL is held, no exception is set.
pub unsafe fn type_attribute(class: P, name: &CStr) -> Option<String> {
    // SAFETY: the caller's promise; the reference is released.
    unsafe {
        let value = of_type(class, name);
        if value.is_null() {
            return None;
        }
        let out = text(value);
        ffi::Py_DecRef(value);
        out
    }
}

/// What the classes in a type's order of resolution have under this name, borrowed; null if
/// none has it. No code of theirs runs.
///
/// # Safety
/// As [`type_attribute`].
pub unsafe fn in_type(class: P, name: &CStr) -> P {
    // SAFETY: the caller's promise; the order of resolution is a tuple of types.
    unsafe {
        let order: P = field(class, offset::TYPE_MRO);
        if order.is_null() || ffi::PyTuple_Check(order) == 0 {
            return std::ptr::null_mut();
        }
        for index in 0..ffi::PyTuple_Size(order) {
            let dict = type_dict(ffi::PyTuple_GetItem(order, index));
            let found =
                if dict.is_null() { dict } else { ffi::PyDict_GetItemString(dict, name.as_ptr()) };
            if !found.is_null() {
                return found;
            }
        }
        std::ptr::null_mut()
    }
}

/// Hashes addresses: their low bits are all alike, and no one chooses them to collide.
#[derive(Default)]
pub struct PtrHasher(u64);

/// Builds [`PtrHasher`]s.
pub type PtrHash = BuildHasherDefault<PtrHasher>;

impl Hasher for PtrHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }
}

/// Writes a field.
///
/// # Safety
/// As [`field`], and CPython can live with the new value.
pub unsafe fn set_field<T>(object: P, offset: usize, value: T) {
    // SAFETY: the caller's promise.
    unsafe { object.cast::<u8>().add(offset).cast::<T>().write(value) }
}

/// Reads a field.
///
/// # Safety
/// `object` is an object whose structure has a `T` at this offset.
#[inline]
pub unsafe fn field<T: Copy>(object: P, offset: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { object.cast::<u8>().add(offset).cast::<T>().read() }
}

/// The text of a `str`, or `None`; lone surrogates come out as `\udcxx`.
///
/// # Safety
/// `object` is a live object; the GIL is held and no exception is set.
pub unsafe fn text(object: P) -> Option<String> {
    // SAFETY: the type is checked before its functions are called; a failure leaves an exception,
    // which is cleared.
    unsafe {
        if ffi::PyUnicode_Check(object) == 0 {
            return None;
        }
        let mut len = 0;
        let data = PyUnicode_AsUTF8AndSize(object, &mut len);
        if !data.is_null() {
            let bytes = std::slice::from_raw_parts(data.cast::<u8>(), len as usize);
            return Some(String::from_utf8_lossy(bytes).into_owned());
        }
        ffi::PyErr_Clear();
        let bytes =
            ffi::PyUnicode_AsEncodedString(object, c"utf-8".as_ptr(), c"backslashreplace".as_ptr());
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let data = ffi::PyBytes_AsString(bytes).cast::<u8>();
        let len = ffi::PyBytes_Size(bytes) as usize;
        let out = String::from_utf8_lossy(std::slice::from_raw_parts(data, len)).into_owned();
        ffi::Py_DecRef(bytes);
        Some(out)
    }
}

/// The text of a C string.
///
/// # Safety
/// Null, or a pointer to a string that ends in NUL.
pub unsafe fn c_text(text: *const c_char) -> String {
    if text.is_null() {
        return "?".to_owned();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The dictionary behind a type's `__dict__`: a mapping proxy holds it right after its header.
///
/// # Safety
/// `class` is a type; the GIL is held, no exception is set.
pub unsafe fn type_dict(class: P) -> P {
    // SAFETY: `__dict__` of a type is a mapping proxy, which the type keeps no longer than the
    // call needs; the dictionary itself belongs to the type.
    unsafe {
        let dict: P = field(class, offset::TYPE_DICT);
        if !dict.is_null() {
            return dict;
        }
        // From 3.12 on the interpreter keeps it for static types.
        let proxy = of_type(class, c"__dict__");
        if proxy.is_null() {
            return proxy;
        }
        let dict: P = field(proxy, 16);
        ffi::Py_DecRef(proxy);
        if ffi::PyDict_CheckExact(dict) == 0 { std::ptr::null_mut() } else { dict }
    }
}
