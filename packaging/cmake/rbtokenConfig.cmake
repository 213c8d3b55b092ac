# find_package(rbtoken): the targets rbtoken::shared and rbtoken::static, each if it is installed.
# Paths are relative to this file, so that an installation can be moved as a whole.

get_filename_component(_rbtoken_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

# Relative to the prefix, or absolute. `make install` sets them; otherwise they are searched for.
set(_rbtoken_includedir "include")
set(_rbtoken_libdir "")

if(_rbtoken_libdir STREQUAL "")
  foreach(_rbtoken_dir "lib/${CMAKE_LIBRARY_ARCHITECTURE}" lib64 lib)
    if(EXISTS "${_rbtoken_prefix}/${_rbtoken_dir}/pkgconfig/rbtoken.pc")
      set(_rbtoken_libdir "${_rbtoken_dir}")
      break()
    endif()
  endforeach()
endif()
foreach(_rbtoken_dir _rbtoken_includedir _rbtoken_libdir)
  get_filename_component(${_rbtoken_dir} "${${_rbtoken_dir}}" ABSOLUTE BASE_DIR "${_rbtoken_prefix}")
endforeach()

set(_rbtoken_shared "${_rbtoken_libdir}/librbtoken.so")
set(_rbtoken_static "${_rbtoken_libdir}/librbtoken.a")
foreach(_rbtoken_kind shared static)
  if(EXISTS "${_rbtoken_${_rbtoken_kind}}" AND NOT TARGET rbtoken::${_rbtoken_kind})
    string(TOUPPER "${_rbtoken_kind}" _rbtoken_type)
    add_library(rbtoken::${_rbtoken_kind} ${_rbtoken_type} IMPORTED)
    set_target_properties(rbtoken::${_rbtoken_kind} PROPERTIES
      IMPORTED_LOCATION "${_rbtoken_${_rbtoken_kind}}"
      INTERFACE_INCLUDE_DIRECTORIES "${_rbtoken_includedir}")
    # For rbtoken.hpp. Projects that use only C do not have this feature.
    get_property(_rbtoken_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    if("CXX" IN_LIST _rbtoken_languages)
      set_target_properties(rbtoken::${_rbtoken_kind} PROPERTIES
        INTERFACE_COMPILE_FEATURES cxx_std_17)
    endif()
  endif()
  if(NOT TARGET rbtoken::${_rbtoken_kind} AND rbtoken_FIND_REQUIRED_${_rbtoken_kind})
    set(rbtoken_FOUND FALSE)
    set(rbtoken_NOT_FOUND_MESSAGE "the ${_rbtoken_kind} library is not in ${_rbtoken_libdir}")
  endif()
endforeach()

# Other requirements of programs with the static library are listed in one place.
if(TARGET rbtoken::static)
  file(STRINGS "${_rbtoken_libdir}/pkgconfig/rbtoken.pc" _rbtoken_libs REGEX "^Libs\\.private:")
  string(REGEX REPLACE "^Libs\\.private: *" "" _rbtoken_libs "${_rbtoken_libs}")
  separate_arguments(_rbtoken_libs UNIX_COMMAND "${_rbtoken_libs}")
  # cargo-c lists the shared unwinder. Compilers add it themselves, or for -static the static one.
  list(REMOVE_ITEM _rbtoken_libs "-lgcc_s")
  set_target_properties(rbtoken::static PROPERTIES
    INTERFACE_COMPILE_DEFINITIONS RBTOKEN_STATIC
    INTERFACE_LINK_LIBRARIES "${_rbtoken_libs}")
endif()
