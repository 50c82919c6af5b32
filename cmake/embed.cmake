# cmake -DFOLDER=… -DOUT=… -P embed.cmake writes a C file with the table of src/explore/page.h: all
# files of a folder as arrays. The type of each is the macro of its ending: a file of another kind does
# not compile.
if(NOT IS_DIRECTORY "${FOLDER}" OR NOT OUT)
    message(FATAL_ERROR "embed.cmake: expected -DFOLDER=FOLDER -DOUT=FILE")
endif()
get_filename_component(FOLDER "${FOLDER}" ABSOLUTE)
file(GLOB names RELATIVE "${FOLDER}" LIST_DIRECTORIES false "${FOLDER}/*")
list(SORT names)
if(NOT names)
    message(FATAL_ERROR "embed.cmake: ${FOLDER}: no files")
endif()

set(arrays "")
set(rows "")
set(number 0)
foreach(name IN LISTS names)
    if(NOT name MATCHES "^[A-Za-z0-9_-]+\\.([a-z]+)$")
        message(FATAL_ERROR "embed.cmake: ${FOLDER}/${name}: expected a name of letters, digits, - and _ with an ending")
    endif()
    set(ending "${CMAKE_MATCH_1}")
    file(READ "${FOLDER}/${name}" bytes HEX)
    string(LENGTH "${bytes}" size)
    math(EXPR size "${size} / 2")
    if(size EQUAL 0)
        message(FATAL_ERROR "embed.cmake: ${FOLDER}/${name}: an empty file")
    endif()
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(................................................................................)"
           "\\1\n" bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file_${number}[] = {\n${bytes}};\n\n")
    string(APPEND rows "    {\"${name}\", PB_PAGE_TYPE_${ending}, file_${number}, sizeof file_${number}},\n")
    math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUT}.new" "/* Made by cmake/embed.cmake. */\n#include \"explore/page.h\"\n\n${arrays}"
     "const pb_page_file pb_page_files[] = {\n${rows}};\n\nconst size_t pb_page_file_count = ${number};\n")
file(RENAME "${OUT}.new" "${OUT}")
