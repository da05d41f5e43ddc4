dnl Helpers of configure: libraries that name their package, compiler flags.

dnl STAPLE_NEED(PREFIX, MODULE, VERSION, NAME, DEBIAN, FEDORA)
dnl Sets PREFIX_CFLAGS and PREFIX_LIBS, or stops and says what to install.
AC_DEFUN([STAPLE_NEED], [
  PKG_CHECK_MODULES([$1], [$2 >= $3], [],
    [staple_found=`$PKG_CONFIG --modversion $2 2>/dev/null`
     AC_MSG_ERROR([$4 $3 or newer is needed, found ${staple_found:-none} (Debian: $5, Fedora: $6)])])
])

dnl STAPLE_TRY_FLAG(VARIABLE, FLAG)
dnl Appends FLAG to VARIABLE if the compiler takes it.
AC_DEFUN([STAPLE_TRY_FLAG], [
  AC_MSG_CHECKING([whether $CC takes $2])
  save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); $1="$$1 $2"], [AC_MSG_RESULT([no])])
  CFLAGS=$save_CFLAGS
])
