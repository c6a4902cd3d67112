/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who logs on over SMB, of either generation: the security blobs of SESSION_SETUP and the status of its last answer. All of it
 * is in clear, also where the session is encrypted afterwards.
 */
#include "ntlm.h"
#include "smb.h"

/* statuses about the account or its password; any other error is a refusal */
static bool about_account(uint32_t status)
{
	static const uint32_t list[] = {
		0xc000006d, /* LOGON_FAILURE */
		0xc000006a, /* WRONG_PASSWORD */
		0xc0000064, /* NO_SUCH_USER */
		0xc000006e, /* ACCOUNT_RESTRICTION */
		0xc000006f, /* INVALID_LOGON_HOURS */
		0xc0000070, /* INVALID_WORKSTATION */
		0xc0000071, /* PASSWORD_EXPIRED */
		0xc0000072, /* ACCOUNT_DISABLED */
		0xc0000193, /* ACCOUNT_EXPIRED */
		0xc0000224, /* PASSWORD_MUST_CHANGE */
		0xc0000234, /* ACCOUNT_LOCKED_OUT */
		0xc000015b, /* LOGON_TYPE_NOT_GRANTED */
	};

	for (size_t i = 0; i < BH_COUNT(list); i++)
		if (list[i] == status)
			return true;
	return false;
}

static void tell(struct smb *s, struct smb_conn *c, const struct smb_session *ses, enum bh_logon_result result, uint32_t status, bool sure)
{
	struct bh_event ev;

	bh_smb_begin(s, c, &ev, BH_EV_LOGON, sure);
	ev.u.logon.via = BH_LOGON_SMB;
	ev.u.logon.mech = ses->mech;
	ev.u.logon.result = (uint8_t)result;
	ev.u.logon.status = status;
	ev.u.logon.challenge = ses->challenge;
	ev.u.logon.proof = ses->proof;
	if (result == BH_LOGON_OK)
		ev.u.logon.flags = ses->flags & (BH_SMB_F_GUEST | BH_SMB_F_ENCRYPTED);
	memcpy(ev.u.logon.user, ses->user, sizeof ses->user);
	memcpy(ev.u.logon.workstation, ses->workstation, sizeof ses->workstation);
	bh_smb_emit(s, &ev);
}

void bh_smb_logon_ask(struct smb *s, struct smb_conn *c, struct smb_session *ses, struct bh_bytes blob)
{
	/* the object identifier of Kerberos with the token of an AP-REQ behind it */
	static const uint8_t krb[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00};
	struct bh_ntlm m;

	if (bh_ntlm_find(blob.p, blob.left, &m)) {
		if (blob.left && memmem(blob.p, blob.left, krb, sizeof krb)) {
			bh_smb_logon_reset(ses);
			ses->mech = BH_MECH_KERBEROS;
		}
		return;
	}
	if (m.type == 1)
		bh_smb_logon_reset(ses);
	if (m.type != 3)
		return;
	memcpy(ses->user, m.user, sizeof ses->user);
	memcpy(ses->workstation, m.workstation, sizeof ses->workstation);
	ses->proof = m.proof;
	if (m.old)
		ses->challenge = 0;
	ses->mech = m.user[0] ? BH_MECH_NTLM : BH_MECH_ANONYMOUS;
	bh_smb_logon_tried(s, c, ses);
}

void bh_smb_logon_tried(struct smb *s, struct smb_conn *c, const struct smb_session *ses)
{
	tell(s, c, ses, BH_LOGON_TRIED, 0, c->answers);
}

void bh_smb_logon_reset(struct smb_session *ses)
{
	memset(ses->user, 0, sizeof ses->user);
	memset(ses->workstation, 0, sizeof ses->workstation);
	ses->challenge = ses->proof = 0;
	ses->mech = BH_MECH_NONE;
}

void bh_smb_logon_more(struct smb_session *ses, struct bh_bytes blob)
{
	struct bh_ntlm m;

	if (bh_ntlm_find(blob.p, blob.left, &m) || m.type != 2)
		return;
	bh_smb_logon_reset(ses);
	ses->challenge = m.challenge;
}

void bh_smb_logon_done(struct smb *s, struct smb_conn *c, struct smb_session *ses, uint32_t status, bool nobody)
{
	if (nobody && !ses->user[0])
		ses->mech = BH_MECH_ANONYMOUS;
	if (!ses->mech) /* how is not known: the SESSION fact has the status */
		return;
	tell(s, c, ses, !status ? BH_LOGON_OK : about_account(status) ? BH_LOGON_FAILED : BH_LOGON_REFUSED, status, true);
}
