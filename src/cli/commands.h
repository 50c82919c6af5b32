/* The commands: each parses its options, checks them, has the work done, and tells of it. */
#ifndef PB_CLI_COMMANDS_H
#define PB_CLI_COMMANDS_H

int pb_command_fetch(int argc, char **argv);
int pb_command_models(int argc, char **argv);
int pb_command_info(int argc, char **argv);
int pb_command_sample(int argc, char **argv);
int pb_command_invert(int argc, char **argv);
int pb_command_basis(int argc, char **argv);
int pb_command_edit(int argc, char **argv);
int pb_command_transport(int argc, char **argv);
int pb_command_compare(int argc, char **argv);
int pb_command_study(int argc, char **argv);
int pb_command_study_status(int argc, char **argv); /* "study status" */
int pb_command_mean(int argc, char **argv);
int pb_command_prompt(int argc, char **argv);
int pb_command_encode(int argc, char **argv);
int pb_command_decode(int argc, char **argv);
int pb_command_eval(int argc, char **argv);
int pb_command_bench(int argc, char **argv);
int pb_command_demo(int argc, char **argv);
int pb_command_explore(int argc, char **argv);

#endif
