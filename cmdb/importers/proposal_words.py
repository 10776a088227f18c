"""What people call columns, in English, German and French, by what they mean to us."""

WORDS: dict[str, tuple[str, ...]] = {
    "key": (
        *("key", "asset tag", "asset no", "asset number", "asset id", "asset", "inventory number"),
        *("inventory no", "inventory id", "inv no", "ci number", "ci id", "id", "sys id", "uuid"),
        *("inventarnummer", "inventar nr", "inventar-nr", "anlagennummer", "anlagen-nr"),
        *("numéro d'inventaire", "n° inventaire", "numéro d'actif", "étiquette", "identifiant"),
    ),
    "name": (
        *("name", "hostname", "host name", "host", "computer name", "computername", "server name"),
        *("device name", "system name", "ci name", "ci", "server", "display name", "node"),
        *("rechnername", "gerätename", "servername", "systemname", "bezeichnung"),
        *("nom", "nom d'hôte", "nom du serveur", "nom de l'équipement", "nom machine"),
    ),
    "ci_class": (
        *("ci class", "class", "type", "ci type", "device type", "asset type", "category", "kind"),
        *("typ", "klasse", "gerätetyp", "kategorie", "art", "gerätekategorie"),
        *("type d'équipement", "catégorie", "classe"),
    ),
    "status": (
        *("status", "state", "lifecycle", "lifecycle status", "install status"),
        *("operational status", "zustand", "lebenszyklus", "betriebsstatus"),
        *("statut", "état"),
    ),
    "environment": (
        *("environment", "env", "stage", "used for", "tier"),
        *("umgebung", "systemumgebung", "stufe"),
        *("environnement",),
    ),
    "criticality": (
        *("criticality", "business criticality", "priority", "importance", "severity class"),
        *("kritikalität", "priorität", "wichtigkeit"),
        *("criticité", "priorité"),
    ),
    "owner": (
        *("owner", "owned by", "system owner", "service owner", "responsible", "contact"),
        *("eigentümer", "besitzer", "verantwortlich", "verantwortlicher", "ansprechpartner"),
        *("propriétaire", "responsable"),
    ),
    "support_group": (
        *("support group", "assignment group", "support team", "team", "supported by"),
        *("supportgruppe", "betreuer", "betreut durch", "support-team", "gruppe"),
        *("groupe de support", "équipe", "équipe support"),
    ),
    "ip_address": (
        *("ip address", "ip", "ipv4", "ip addresses", "ip addr", "primary ip", "management ip"),
        *("ip-adresse", "ip adressen", "adresse ip"),
    ),
    "fqdn": (
        *("fqdn", "dns name", "dns", "full name", "fully qualified domain name", "domain name"),
        *("dns-name", "voller name", "nom dns", "nom complet"),
    ),
    "serial_number": (
        *("serial number", "serial no", "serial", "s/n", "sn", "service tag", "ser no"),
        *("seriennummer", "serien-nr", "serien nr", "serialnummer"),
        *("numéro de série", "n° de série", "no de série", "n° série"),
    ),
    "mac_addresses": (
        *("mac address", "mac", "mac addresses", "hardware address", "ethernet address"),
        *("mac-adresse", "mac-adressen", "adresse mac"),
    ),
    "depends_on": (
        *("depends on", "dependencies", "dependency", "depends", "requires", "needs", "runs on"),
        *("hosted on", "upstream"),
        *("abhängig von", "abhängigkeiten", "abhängigkeit", "hängt ab von", "benötigt"),
        *("läuft auf", "dépend de", "dépendances", "nécessite", "hébergé sur"),
    ),
    "location": (
        *("location", "site", "room", "building", "place"),
        *("standort", "raum", "ort", "aufstellort"),
        *("emplacement", "lieu", "localisation"),
    ),
    "os": (*("os", "operating system", "betriebssystem", "système d'exploitation", "os name"),),
    "manufacturer": (
        *("manufacturer", "vendor", "make", "hersteller", "fabricant", "constructeur", "marque"),
    ),
    "model": (*("model", "model number", "product", "modell", "modèle", "produit"),),
    "version": ("version", "release", "versionsnummer"),
    "description": (
        *("description", "comment", "comments", "remarks", "notes", "purpose"),
        *("beschreibung", "bemerkung", "bemerkungen", "kommentar", "zweck", "notiz"),
        *("commentaire", "remarque", "remarques"),
    ),
}
"""Fields and the settled names of attributes; `key` and `depends_on` become options."""
