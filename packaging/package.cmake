# `cpack -G DEB` in the build folder makes one package of both components. Paths are built into the
# programs, so a package for /usr comes from a build for /usr: scripts/package.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vitrine)
set(CPACK_PACKAGE_VENDOR Vitrine)
set(CPACK_PACKAGE_CONTACT "Vitrine's maintainers <vitrine@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "self-hosted platform for interactive machine-learning demos")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A developer pushes a git repository with Lua, and seconds later the demo is live. Visitors use it
in the browser; tenants' code runs in sealed boxes; models are shared by all demos.
Nothing is started by installing it: systemctl enable --now vitrine.target")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_SET_DESTDIR ON) # every destination of ours is absolute
set(CPACK_MONOLITHIC_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION web)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# libwebsockets loads its loop by name, so nobody sees that it is needed.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "git, systemd, tar, libwebsockets-evlib-uv")
# Only who wants certificates of an authority takes it.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "uacme")
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_SOURCE_DIR}/debian/postinst ${CMAKE_CURRENT_SOURCE_DIR}/debian/prerm
  ${CMAKE_CURRENT_SOURCE_DIR}/debian/postrm)
include(CPack)
