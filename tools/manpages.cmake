# Writes the man pages that PROGRAM prints of itself and of its commands into FOLDER:
#     cmake -DPROGRAM=… -DFOLDER=… -P manpages.cmake
function(page name)
    string(REPLACE ";" "-" file "pullback;${name}")
    string(REGEX REPLACE "-$" "" file "${file}")
    execute_process(COMMAND ${PROGRAM} ${name} --man OUTPUT_FILE ${FOLDER}/${file}.1
                    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
execute_process(COMMAND ${PROGRAM} --man-pages OUTPUT_VARIABLE commands
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" commands "${commands}")
page("")
foreach(command ${commands})
    string(REPLACE " " ";" command "${command}")
    page("${command}")
endforeach()
