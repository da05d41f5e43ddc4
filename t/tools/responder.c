/* Program responder: an OCSP responder that does what a script says. */
#include "resp_conn.h"
#include "resp_server.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void usage(void)
{
    fputs("responder --dir PKIDIR --listen ADDRESS:PORT...\n"
          "    [--port-file FILE] [--log FILE] [--script FILE]\n"
          "    [--with-parent]\n",
          stderr);
    _exit(2);
}

typedef struct {
    const char *dir;
    const char *port_file;
    const char *log;
    const char *script;
    const char *listen[SERVER_MAX_LISTEN];
    int listens;
} options_t;

static void read_options(options_t *options, int argc, char **argv)
{
    static const struct option known[]
        = {{"dir", required_argument, NULL, 'd'},
           {"listen", required_argument, NULL, 'l'},
           {"port-file", required_argument, NULL, 'p'},
           {"log", required_argument, NULL, 'o'},
           {"script", required_argument, NULL, 's'},
           {"with-parent", no_argument, NULL, 'w'},
           {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'd': options->dir = optarg; break;
        case 'l':
            if (options->listens == SERVER_MAX_LISTEN) {
                usage();
            }
            options->listen[options->listens++] = optarg;
            break;
        case 'p': options->port_file = optarg; break;
        case 'o': options->log = optarg; break;
        case 's': options->script = optarg; break;
        case 'w': prctl(PR_SET_PDEATHSIG, SIGTERM); break;
        default: usage();
        }
    }
    if (options->dir == NULL || options->listens == 0 || optind != argc) {
        usage();
    }
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Tells the ports, one a line: from now on it answers. */
static void write_ports(const server_t *server, const char *path)
{
    tool_buf_t ports = {0};

    for (int i = 0; i < server->listeners; i++) {
        tool_buf_addf(&ports, "%d\n",
                      resp_server_port(&server->listener[i]));
    }
    tool_replace_file(path, ports.data, ports.len);
    tool_buf_free(&ports);
}

int main(int argc, char **argv)
{
    static server_t server;
    options_t options = {0};

    read_options(&options, argc, argv);
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    resp_loop_open(&server.loop);
    resp_index_open(&server.index, options.dir);
    resp_script_open(&server.script, options.script);
    server.log = -1;
    if (options.log != NULL) {
        server.log = open(options.log,
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        TOOL_MUST(server.log >= 0);
    }
    for (int i = 0; i < options.listens; i++) {
        resp_server_listen(&server, options.listen[i]);
    }
    resp_server_start(&server);
    if (options.port_file != NULL) {
        write_ports(&server, options.port_file);
    }
    for (;;) {
        resp_loop_turn(&server.loop);
        resp_conn_free_dead(&server);
    }
}
