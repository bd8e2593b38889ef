# Bundles the dashboard and writes it down as a C++ source:
#   cmake -D ESBUILD=.. -D GZIP=.. -D SOURCES=.. -D OUTPUT=.. -P bundle_dashboard.cmake
#
# What comes out is a function of the sources: names carry a hash of what they
# hold, and compressed files no time.

cmake_path(GET OUTPUT PARENT_PATH folder)
file(MAKE_DIRECTORY ${folder})

function(bundle source output)
  execute_process(
    COMMAND ${ESBUILD} ${SOURCES}/${source} --bundle --minify --target=es2020
      --charset=utf8 --log-level=warning --outfile=${folder}/${output}
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "esbuild cannot bundle ${SOURCES}/${source}")
  endif()
endfunction()

function(hash_of file result)
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  set(${result} ${hash} PARENT_SCOPE)
endfunction()

# Adds `file` to `arrays` and `entries`.
function(embed symbol name type file)
  hash_of(${file} hash)
  execute_process(
    COMMAND ${GZIP} -9 -n -c ${file}
    OUTPUT_FILE ${file}.gz
    COMMAND_ERROR_IS_FATAL ANY)
  set(text "${arrays}")
  foreach(part IN ITEMS plain packed)
    set(from ${file})
    if(part STREQUAL packed)
      set(from ${file}.gz)
    endif()
    file(READ ${from} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND text
      "constexpr unsigned char ${symbol}_${part}[] = {${bytes}};\n")
  endforeach()
  set(arrays "${text}" PARENT_SCOPE)
  set(entries "${entries}    {\"${name}\", \"${type}\", text(${symbol}_plain), \
text(${symbol}_packed), \"${hash}\"},\n" PARENT_SCOPE)
endfunction()

bundle(main.ts main.js)
bundle(style.css style.css)
hash_of(${folder}/main.js script)
hash_of(${folder}/style.css style)
configure_file(${SOURCES}/index.html ${folder}/index.html @ONLY)

set(arrays "")
set(entries "")
embed(page "" "text/html; charset=utf-8" ${folder}/index.html)
embed(script "main-${script}.js" "text/javascript; charset=utf-8"
  ${folder}/main.js)
embed(style "style-${style}.css" "text/css; charset=utf-8" ${folder}/style.css)

file(WRITE ${OUTPUT} "// Made by bundle_dashboard.cmake.

#include \"tools/dashboard/files.hpp\"

namespace troupe::tools {

namespace {

${arrays}
template <size_t N>
std::string_view text(const unsigned char (&x)[N]) {
  return {reinterpret_cast<const char*>(x), N};
}

} // namespace

runtime::api::assets dashboard_files() {
  return runtime::api::assets{{
${entries}  }};
}

} // namespace troupe::tools
")
