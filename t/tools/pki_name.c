/* Text -> distinguished name, alternative name. */
#include "pki_name.h"

#include "tool_util.h"

#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

/* set: 0 a relative name of its own, -1 joins the one before it. */
static void add_part(X509_NAME *name, const char *type, const char *value,
                     int place, int set)
{
    ASN1_OBJECT *object = OBJ_txt2obj(type, 0);
    const unsigned char *bytes = (const unsigned char *)value;

    if (object == NULL) {
        tool_die("unknown attribute type: %s", type);
    }
    /* Too long, or wrong letters for this type: as UTF8String it goes. */
    if (!X509_NAME_add_entry_by_OBJ(name, object, MBSTRING_UTF8, bytes, -1,
                                    place, set)) {
        TOOL_MUST(X509_NAME_add_entry_by_OBJ(
            name, object, V_ASN1_UTF8STRING, bytes, -1, place, set));
    }
    ASN1_OBJECT_free(object);
}

/* Cuts "type=value" off the front of text; returns the separator behind it
 * (',', '+' or NUL) and moves *text past it. */
static char next_part(tool_buf_t *type, tool_buf_t *value, const char **text)
{
    tool_buf_t *into = type;
    const char *c = *text;

    type->len = value->len = 0;
    tool_buf_text(type, "");
    tool_buf_text(value, "");
    while (*c == ' ') {
        c++;
    }
    for (; *c != '\0' && *c != ',' && *c != '+'; c++) {
        if (*c == '=' && into == type) {
            into = value;
            continue;
        }
        if (*c == '\\' && c[1] != '\0') {
            c++;
        }
        tool_buf_add(into, c, 1);
    }
    if (into == type) {
        tool_die("no '=' in a part of the name: %s", *text);
    }
    *text = *c == '\0' ? c : c + 1;
    return *c;
}

X509_NAME *pki_name_parse(const char *text)
{
    X509_NAME *name = X509_NAME_new();
    tool_buf_t type = {0};
    tool_buf_t value = {0};
    char before = ',';

    TOOL_MUST(name != NULL);
    if (strchr(text, '=') == NULL) {
        if (*text != '\0') {
            add_part(name, "CN", text, -1, 0);
        }
        return name;
    }
    while (before != '\0') {
        char after = next_part(&type, &value, &text);

        /* Before all others; or joined to what is first now. */
        add_part(name, type.data, value.data, 0, before == '+' ? 1 : 0);
        before = after;
    }
    tool_buf_free(&type);
    tool_buf_free(&value);
    return name;
}

GENERAL_NAME *pki_name_general(const char *text)
{
    static const struct {
        const char *prefix;
        int type;
    } kinds[] = {{"DNS:", GEN_DNS},
                 {"IP:", GEN_IPADD},
                 {"email:", GEN_EMAIL},
                 {"URI:", GEN_URI}};
    int type = GEN_DNS;
    GENERAL_NAME *name;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i].prefix);

        if (strncmp(text, kinds[i].prefix, len) == 0) {
            type = kinds[i].type;
            text += len;
            break;
        }
    }
    name = a2i_GENERAL_NAME(NULL, NULL, NULL, type, text, 0);
    if (name == NULL) {
        tool_die("not an alternative name: %s", text);
    }
    return name;
}
